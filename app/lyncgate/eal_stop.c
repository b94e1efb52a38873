/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal_args.h"

#include <dirent.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>

/* EAL names its files PREFIXmap_NUMBER. */
static void remove_maps(const char *mount, const char *prefix)
{
	char start[256];
	DIR *dir = opendir(mount);
	if (dir == NULL)
		return;
	size_t n = (size_t)snprintf(start, sizeof(start), "%smap_", prefix);
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		if (n < sizeof(start) && strncmp(e->d_name, start, n) == 0)
			unlinkat(dirfd(dir), e->d_name, 0);
	}
	closedir(dir);
}

/* A page on which something of EAL's own still lies keeps its file, and with it the memory. */
static void remove_hugepage_files(const char *prefix)
{
	FILE *mounts = setmntent("/proc/mounts", "r");
	if (mounts == NULL)
		return;
	for (struct mntent *m; (m = getmntent(mounts)) != NULL;) {
		if (strcmp(m->mnt_type, "hugetlbfs") == 0)
			remove_maps(m->mnt_dir, prefix);
	}
	endmntent(mounts);
}

void eal_stop(const struct eal_args *a)
{
	rte_eal_cleanup();
	if (eal_args_value(a, "--no-huge") == NULL && eal_args_value(a, "--in-memory") == NULL)
		remove_hugepage_files(eal_args_value(a, "--file-prefix"));
}
