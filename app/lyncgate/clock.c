/* SPDX-License-Identifier: BSD-3-Clause */
#include "clock.h"

struct app_clock app_clock;

void app_clock_init(void)
{
	app_clock.us_per_cycle = (UINT64_C(1000000) << 32) / rte_get_tsc_hz();
	app_clock.base = rte_get_tsc_cycles();
}

lg_us app_clock_now(void)
{
	return app_now();
}
