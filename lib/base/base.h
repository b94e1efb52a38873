/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/base: what every room stands on. Includes the small headers of this room, one subject each.
 * Nothing here knows packets' protocols; only chain.h knows mbufs.
 */
#ifndef LG_BASE_H
#define LG_BASE_H

#include "base/assert.h"
#include "base/chain.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/ip.h"
#include "base/list.h"
#include "base/log.h"
#include "base/seq.h"
#include "base/siphash.h"
#include "base/wheel.h"

#endif
