/* SPDX-License-Identifier: BSD-3-Clause */
/* The writer thread: lines arrive, nobody waits for them, and what is lost is counted. */
#include "eal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "control/control.h"

#define PATIENCE_MS 5000

static struct ctl_worker_stats stats;
static struct ctl_worker_stats *const stats_of[] = {&stats};
static struct conf conf;
static int saved[3] = {-1, -1, -1};

static lg_us clock_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (lg_us)ts.tv_sec * 1000000 + (lg_us)ts.tv_nsec / 1000;
}

/* Puts a pipe in the place of fd; returns the end to read from. */
static int capture(int fd)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	saved[fd] = dup(fd);
	dup2(ends[1], fd);
	close(ends[1]);
	return ends[0];
}

static void restore(int fd)
{
	dup2(saved[fd], fd);
	close(saved[fd]);
}

/* Reads until `needle` has come, or fails; text holds what was read. */
static void read_until(int fd, char *text, size_t room, const char *needle)
{
	size_t n = 0;
	text[0] = '\0';
	while (strstr(text, needle) == NULL) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		ssize_t got = read(fd, text + n, room - 1 - n);
		assert_true(got > 0);
		n += (size_t)got;
		text[n] = '\0';
	}
}

static struct ctl_writer *start(unsigned log_slots, unsigned access_slots)
{
	char err[256] = "";
	struct ctl_writer_params p = {
		.conf = &conf,
		.n_workers = 1,
		.stats = stats_of,
		.now = clock_now,
		.log_slots = log_slots,
		.access_slots = access_slots,
		.cpu = -1,
	};
	struct ctl_writer *w = ctl_writer_start(&p, err, sizeof(err));
	assert_string_equal(err, "");
	assert_non_null(w);
	return w;
}

static int setup(void **state)
{
	(void)state;
	memset(&stats, 0, sizeof(stats));
	conf = (struct conf){.path = "test.yaml", .log = {.access = true}};
	ctl_log_init();
	lg_log_set_level(LG_INFO);
	return 0;
}

static void lines_of_a_worker_reach_stderr_with_their_time(void **state)
{
	(void)state;
	char text[4096];
	int err = capture(STDERR_FILENO);
	struct ctl_writer *w = start(16, 16);
	ctl_writer_attach(w, 0);
	lg_log(LG_WARN, "tcp", "something: because: do %s", "this");
	ctl_writer_detach();
	read_until(err, text, sizeof(text), "\n");
	restore(STDERR_FILENO);
	ctl_writer_stop(w);
	close(err);
	assert_string_equal(text + CTL_TIME_LEN - 1, " WARN tcp: something: because: do this\n");
	assert_int_equal(text[4], '-');
	assert_int_equal(text[CTL_TIME_LEN - 2], 'Z');
}

static void a_thread_without_a_ring_writes_by_itself(void **state)
{
	(void)state;
	char text[4096];
	int err = capture(STDERR_FILENO);
	lg_log(LG_NOTICE, "main", "serving");
	read_until(err, text, sizeof(text), "\n");
	restore(STDERR_FILENO);
	close(err);
	assert_non_null(strstr(text, "Z NOTICE main: serving\n"));
}

static unsigned count(const char *text, const char *needle)
{
	unsigned n = 0;
	for (const char *p = text; (p = strstr(p, needle)) != NULL; p++)
		n++;
	return n;
}

/* Law 4: bounded, counted, and told. */
static void a_full_log_ring_drops_and_says_how_many(void **state)
{
	(void)state;
	static char text[64 * 1024];
	int err = capture(STDERR_FILENO);
	struct ctl_writer *w = start(4, 4);
	ctl_writer_attach(w, 0);
	for (unsigned i = 0; i < 1000 && stats.c[CTL_WCTR_DROP_LOG_FULL] == 0; i++)
		lg_log(LG_WARN, "tcp", "noise");
	ctl_writer_detach();
	uint64_t dropped = stats.c[CTL_WCTR_DROP_LOG_FULL];
	assert_int_equal(dropped, 1);
	ctl_writer_stop(w);
	read_until(err, text, sizeof(text), "1 lines of the workers were dropped");
	restore(STDERR_FILENO);
	close(err);
	assert_true(count(text, "WARN tcp: noise\n") >= 3);
}

static void put(struct ctl_writer *w, uint64_t id)
{
	struct ctl_access_port port = {.writer = w, .worker = 0};
	struct proxy_access rec = {.id = id,
		.start = clock_now(),
		.listener = -1,
		.pool = -1,
		.server = -1,
		.route = -1,
		.method = "GET",
		.path = "/"};
	ctl_access_put(&port, &rec);
}

/* A reader of stdout that stands still must hold up neither worker, nor log, nor the end. */
static void a_stuck_stdout_blocks_nobody(void **state)
{
	(void)state;
	static char text[64 * 1024];
	int out = capture(STDOUT_FILENO), err = capture(STDERR_FILENO);
	assert_true(fcntl(out, F_SETPIPE_SZ, 4096) >= 4096);
	struct ctl_writer *w = start(16, 64);
	lg_us begin = clock_now();
	for (uint64_t id = 0; clock_now() - begin < LG_SEC(5); id++) {
		put(w, id);
		if (stats.c[CTL_WCTR_DROP_ACCESS_FULL] > 0)
			break;
	}
	uint64_t dropped = stats.c[CTL_WCTR_DROP_ACCESS_FULL];
	ctl_writer_attach(w, 0);
	lg_log(LG_WARN, "tcp", "still heard");
	ctl_writer_detach();
	read_until(err, text, sizeof(text), "still heard");
	begin = clock_now();
	ctl_writer_stop(w);
	lg_us took = clock_now() - begin;
	restore(STDOUT_FILENO);
	restore(STDERR_FILENO);
	close(out);
	close(err);
	assert_true(dropped > 0);
	assert_true(took < LG_SEC(3));
}

static bool file_has(const char *path, const char *needle)
{
	char text[8192];
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, needle) != NULL;
}

static void wait_for_file(const char *path, const char *needle)
{
	lg_us limit = clock_now() + LG_MS(PATIENCE_MS);
	while (!file_has(path, needle)) {
		assert_true(clock_now() < limit);
		usleep(1000);
	}
}

/* logrotate: rename, signal, go on. */
static void the_access_file_is_opened_anew_on_request(void **state)
{
	(void)state;
	char dir[] = "/tmp/lgwriterXXXXXX", path[64], old[64];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/access.log", dir);
	snprintf(old, sizeof(old), "%s/access.log.1", dir);
	conf.log.access_file = path;
	mode_t mask = umask(0);
	struct ctl_writer *w = start(16, 16);
	umask(mask);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	put(w, 0xa1);
	wait_for_file(path, "\"id\":\"00000000000000a1\"");
	assert_int_equal(rename(path, old), 0);
	ctl_writer_reopen(w);
	wait_for_file(path, "");
	put(w, 0xa2);
	wait_for_file(path, "\"id\":\"00000000000000a2\"");
	assert_false(file_has(old, "00000000000000a2"));
	ctl_writer_stop(w);
	unlink(path);
	unlink(old);
	rmdir(dir);
}

static void an_access_file_that_cannot_be_opened_is_an_error_with_its_name(void **state)
{
	(void)state;
	char err[256] = "";
	conf.log.access_file = "/nonexistent/access.log";
	const struct ctl_writer_params p = {
		.conf = &conf, .n_workers = 1, .stats = stats_of, .now = clock_now, .cpu = -1};
	assert_null(ctl_writer_start(&p, err, sizeof(err)));
	assert_string_equal(err,
		"cannot open the access log /nonexistent/access.log: No such file or "
		"directory");
}

static void orders_only_rise_and_announcements_come_once(void **state)
{
	(void)state;
	struct ctl_mailbox box = {0};
	uint32_t seen = 0;
	assert_int_equal(ctl_mailbox_read(&box), CTL_RUN);
	ctl_mailbox_order(&box, CTL_ABORT);
	ctl_mailbox_order(&box, CTL_DRAIN);
	assert_int_equal(ctl_mailbox_read(&box), CTL_ABORT);
	assert_false(ctl_mailbox_announce_due(&box, &seen));
	ctl_mailbox_announce(&box);
	assert_true(ctl_mailbox_announce_due(&box, &seen));
	assert_false(ctl_mailbox_announce_due(&box, &seen));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lines_of_a_worker_reach_stderr_with_their_time, setup),
		cmocka_unit_test_setup(a_thread_without_a_ring_writes_by_itself, setup),
		cmocka_unit_test_setup(a_full_log_ring_drops_and_says_how_many, setup),
		cmocka_unit_test_setup(a_stuck_stdout_blocks_nobody, setup),
		cmocka_unit_test_setup(the_access_file_is_opened_anew_on_request, setup),
		cmocka_unit_test_setup(
			an_access_file_that_cannot_be_opened_is_an_error_with_its_name, setup),
		cmocka_unit_test_setup(orders_only_rise_and_announcements_come_once, setup),
	};
	test_eal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
