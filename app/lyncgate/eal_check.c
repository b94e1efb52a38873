/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds what EAL would stumble over, and says it in a sentence. */
#include "eal_args.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

#define HUGEPAGE_DIR      "/sys/kernel/mm/hugepages"
#define NO_HUGE_DEFAULT_M 64 /* MiB that EAL takes with --no-huge and no -m */

/* ---- memory -----------------------------------------------------------------------------------
 */

static uint64_t read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long long v = 0;
	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu", &v) != 1)
		v = 0;
	fclose(f);
	return v;
}

/* Bytes in free hugepages of all sizes. */
static uint64_t free_hugepages(void)
{
	DIR *dir = opendir(HUGEPAGE_DIR);
	uint64_t bytes = 0;
	if (dir == NULL)
		return 0;
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		unsigned kib;
		char path[512];
		if (sscanf(e->d_name, "hugepages-%ukB", &kib) != 1)
			continue;
		snprintf(path, sizeof(path), HUGEPAGE_DIR "/%s/free_hugepages", e->d_name);
		bytes += read_number(path) * kib * 1024;
	}
	closedir(dir);
	return bytes;
}

static bool no_huge(const struct eal_args *a)
{
	return eal_args_value(a, "--no-huge") != NULL;
}

struct sizing_memory eal_memory(const struct eal_args *a)
{
	const char *m = eal_args_value(a, "-m");
	uint64_t asked = m != NULL ? strtoull(m, NULL, 10) : NO_HUGE_DEFAULT_M;
	if (!no_huge(a))
		return (struct sizing_memory){.bytes = free_hugepages()};
	return (struct sizing_memory){
		.bytes = asked << 20, .page = (uint32_t)sysconf(_SC_PAGESIZE)};
}

static bool hugetlbfs_mounted(void)
{
	FILE *f = fopen("/proc/mounts", "re");
	char line[1024];
	bool found = false;
	if (f == NULL)
		return true; /* EAL will see */
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = strstr(line, " hugetlbfs ") != NULL;
	fclose(f);
	return found;
}

static int check_memory(const struct eal_args *a, uint64_t need, char *err, size_t errlen)
{
	uint64_t have = eal_memory(a).bytes;
	unsigned long long need_mib = SIZING_MIB(need), have_mib = have >> 20;
	if (no_huge(a) && have < need) {
		snprintf(err, errlen,
			"needs at least %llu MiB of memory, eal.m gives %llu: set eal.m: %llu, or "
			"lower "
			"limits.connections or the ports' descriptors",
			need_mib, have_mib, need_mib + need_mib / 2);
		return -ENOMEM;
	}
	if (no_huge(a))
		return 0;
	if (have < need) {
		snprintf(err, errlen,
			"needs at least %llu MiB of hugepages, %llu MiB are free (%llu missing): "
			"run: "
			"dpdk-hugepages.py --setup %lluM, or for a test set eal.no-huge: true and "
			"eal.m: %llu",
			need_mib, have_mib, need_mib - have_mib,
			(need_mib + need_mib / 2 + 1) & ~1ull, need_mib + need_mib / 2);
		return -ENOMEM;
	}
	if (eal_args_value(a, "--in-memory") == NULL && !hugetlbfs_mounted()) {
		snprintf(err, errlen,
			"hugepages are reserved, but no hugetlbfs is mounted: run: "
			"dpdk-hugepages.py --mount, or set eal.in-memory: true");
		return -ENOENT;
	}
	return 0;
}

/* ---- CPUs -------------------------------------------------------------------------------------
 */

static int check_cpu(
	unsigned cpu, const cpu_set_t *allowed, const char *who, char *err, size_t errlen)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);
	if (n > 0 && cpu >= (unsigned long)n) {
		snprintf(err, errlen,
			"CPU %u of %s does not exist: this machine has CPUs 0 to %ld: set "
			"'workers:' accordingly",
			cpu, who, n - 1);
		return -ENODEV;
	}
	if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, allowed)) {
		snprintf(err, errlen,
			"CPU %u of %s is offline or not allowed for this process: see taskset -p "
			"%d, or "
			"the service's CPUAffinity and cpuset",
			cpu, who, (int)getpid());
		return -EPERM;
	}
	return 0;
}

static int check_cpus(const struct conf *conf, char *err, size_t errlen)
{
	cpu_set_t allowed;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return 0; /* more than CPU_SETSIZE of them: EAL will see */
	int rc = check_cpu(conf->main_lcore, &allowed, "the control thread", err, errlen);
	for (unsigned i = 0; i < conf->n_workers && rc == 0; i++) {
		char who[32];
		snprintf(who, sizeof(who), "worker %u", i);
		rc = check_cpu(conf->lcores[i], &allowed, who, err, errlen);
	}
	return rc;
}

/* ---- another one with the same prefix ---------------------------------------------------------
 */

/* EAL's primary process holds a write lock on its configuration file as long as it lives. */
static pid_t prefix_holder(const char *prefix)
{
	const char *dir = getuid() == 0 ? "/var/run" : getenv("XDG_RUNTIME_DIR");
	char path[512];
	snprintf(path, sizeof(path), "%s/dpdk/%s/config", dir != NULL ? dir : "/tmp", prefix);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 0;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int rc = fcntl(fd, F_GETLK, &lock);
	close(fd);
	return rc == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

static int check_prefix(const struct eal_args *a, char *err, size_t errlen)
{
	const char *prefix = eal_args_value(a, "--file-prefix");
	if (eal_args_value(a, "--in-memory") != NULL)
		return 0;
	pid_t pid = prefix_holder(prefix);
	if (pid == 0)
		return 0;
	snprintf(err, errlen,
		"another DPDK program runs with file prefix %s (process %d): stop it, or set "
		"another "
		"eal.file-prefix",
		prefix, (int)pid);
	return -EBUSY;
}

int eal_check(
	const struct eal_args *a, const struct conf *conf, uint64_t need, char *err, size_t errlen)
{
	if (no_huge(a) && eal_args_value(a, "--in-memory") != NULL) {
		snprintf(err, errlen,
			"eal.no-huge and eal.in-memory exclude each other: leave one of them out");
		return -EINVAL;
	}
	int rc = check_cpus(conf, err, errlen);
	if (rc == 0)
		rc = check_prefix(a, err, errlen);
	return rc == 0 ? check_memory(a, need, err, errlen) : rc;
}
