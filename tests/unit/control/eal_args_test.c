/* SPDX-License-Identifier: BSD-3-Clause */
/* What the daemon makes of the configuration: the EAL command line and the sizes of its pools. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_mbuf.h>

#include "eal_args.h"
#include "sizing.h"

static unsigned cpus[] = {2, 2};

static struct conf base_conf(void)
{
	return (struct conf){
		.lcores = cpus,
		.n_workers = 2,
		.main_lcore = 1,
		.external = {.device = "net_af_packet0,iface=ext0",
			.mtu = 1500,
			.rx_descriptors = 1024,
			.tx_descriptors = 1024},
		.internal = {.device = "net_tap0,iface=t0",
			.mtu = 1500,
			.rx_descriptors = 1024,
			.tx_descriptors = 1024},
		.limits = {.connections = 10000, .half_open = 4096, .time_wait = 10000},
		.log = {.level = LG_INFO},
	};
}

static struct eal_args args;
static char line[4096];

static const char *line_of(const struct conf *conf, char *const *extra, int n_extra)
{
	char err[256];
	eal_args_free(&args);
	assert_int_equal(eal_args_build(&args, conf, extra, n_extra, err, sizeof(err)), 0);
	return eal_args_text(&args, line, sizeof(line));
}

static void worker_i_is_lcore_i_plus_1_and_may_share_a_cpu(void **state)
{
	(void)state;
	struct conf conf = base_conf();
	assert_string_equal(line_of(&conf, NULL, 0),
		"lyncgate --lcores=0@1,1@2,2@2 --main-lcore=0 --no-pci --file-prefix=lyncgate "
		"--log-level=warning");
}

static void options_of_the_configuration_keep_their_form(void **state)
{
	(void)state;
	struct conf_eal_option options[] = {{"no-huge", NULL}, {"m", "256"}, {"file-prefix", "x"},
		{"log-level", "lib.eal:debug"}};
	struct conf conf = base_conf();
	conf.eal = options;
	conf.n_eal = 4;
	assert_string_equal(line_of(&conf, NULL, 0),
		"lyncgate --lcores=0@1,1@2,2@2 --main-lcore=0 --no-huge -m 256 --file-prefix=x "
		"--log-level=lib.eal:debug --no-pci");
	assert_int_equal(eal_memory(&args).bytes, UINT64_C(256) << 20);
	assert_int_equal(eal_memory(&args).page, sysconf(_SC_PAGESIZE));
}

static void only_pci_devices_that_are_ports_are_allowed(void **state)
{
	(void)state;
	struct conf conf = base_conf();
	conf.external.device = "0000:3b:00.0";
	conf.internal.device = "3b:00.1,arg=1";
	assert_non_null(strstr(line_of(&conf, NULL, 0), " -a0000:3b:00.0 -a3b:00.1,arg=1 "));
	assert_null(strstr(line, "--no-pci"));
	conf.internal.device = "net_memif0,socket=/run/a:b:1.2";
	assert_null(strstr(line_of(&conf, NULL, 0), "-anet_memif0"));
}

static void the_last_of_several_values_counts(void **state)
{
	(void)state;
	struct conf_eal_option options[] = {{"m", "256"}, {"file-prefix", "a"}};
	char *extra[] = {
		(char *)"-m512", (char *)"--file-prefix", (char *)"b", (char *)"--no-huge"};
	struct conf conf = base_conf();
	conf.eal = options;
	conf.n_eal = 2;
	line_of(&conf, extra, 4);
	assert_string_equal(eal_args_value(&args, "-m"), "512");
	assert_string_equal(eal_args_value(&args, "--file-prefix"), "b");
	assert_string_equal(eal_args_value(&args, "--no-huge"), "");
	assert_null(eal_args_value(&args, "--in-memory"));
}

static int check(const struct conf *conf, uint64_t need, char err[512])
{
	line_of(conf, NULL, 0);
	return eal_check(&args, conf, need, err, 512);
}

static void impossible_cpus_and_options_are_found_before_eal_starts(void **state)
{
	(void)state;
	char err[512];
	struct conf_eal_option options[] = {
		{"no-huge", NULL}, {"m", "100"}, {"file-prefix", "lg-none"}, {"in-memory", NULL}};
	unsigned here[] = {0, 0}, nowhere[] = {0, 100000};
	struct conf conf = base_conf();
	conf.main_lcore = 0;
	conf.lcores = here;
	conf.eal = options;
	conf.n_eal = 3;
	assert_int_equal(check(&conf, 100 << 20, err), 0);
	assert_int_equal(check(&conf, 101 << 20, err), -ENOMEM);
	assert_non_null(strstr(err, "needs at least 101 MiB of memory, eal.m gives 100"));
	conf.lcores = nowhere;
	assert_int_equal(check(&conf, 0, err), -ENODEV);
	assert_non_null(strstr(err, "CPU 100000 of worker 1 does not exist"));
	conf.n_eal = 4;
	assert_int_equal(check(&conf, 0, err), -EINVAL);
	assert_non_null(strstr(err, "exclude each other"));
}

/* Two workers must be at home in the 256 MiB of a test machine without hugepages. */
static void pools_of_two_workers_fit_into_a_small_memory(void **state)
{
	(void)state;
	struct conf conf = base_conf();
	const struct sizing_memory memory = {.bytes = UINT64_C(256) << 20, .page = 4096};
	struct sizing s = sizing_compute(&conf, &memory);
	assert_int_equal(s.data_room, RTE_MBUF_DEFAULT_BUF_SIZE);
	assert_true(s.mbufs >= 10 * 1024);
	assert_int_equal(s.connections, 34096);
	assert_true(2 * s.bytes < (UINT64_C(220) << 20));
}

static void pools_are_never_smaller_than_the_rings_they_fill(void **state)
{
	(void)state;
	struct conf conf = base_conf();
	const struct sizing_memory none = {0};
	struct sizing s = sizing_compute(&conf, &none);
	assert_true(s.mbufs > 4 * 1024);
	conf.external.mbufs = 3000;
	conf.internal.mbufs = 2000;
	assert_int_equal(sizing_compute(&conf, &none).mbufs, 5000);
}

static void jumbo_frames_fit_into_one_mbuf(void **state)
{
	(void)state;
	struct conf conf = base_conf();
	conf.internal.mtu = 9000;
	const struct sizing_memory memory = {.bytes = UINT64_C(1) << 30};
	struct sizing s = sizing_compute(&conf, &memory);
	assert_true(s.data_room >= 9000 + 14 + 8 + RTE_PKTMBUF_HEADROOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worker_i_is_lcore_i_plus_1_and_may_share_a_cpu),
		cmocka_unit_test(options_of_the_configuration_keep_their_form),
		cmocka_unit_test(only_pci_devices_that_are_ports_are_allowed),
		cmocka_unit_test(the_last_of_several_values_counts),
		cmocka_unit_test(impossible_cpus_and_options_are_found_before_eal_starts),
		cmocka_unit_test(pools_of_two_workers_fit_into_a_small_memory),
		cmocka_unit_test(pools_are_never_smaller_than_the_rings_they_fill),
		cmocka_unit_test(jumbo_frames_fit_into_one_mbuf),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	eal_args_free(&args);
	return rc;
}
