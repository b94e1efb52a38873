/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sys/stat.h>

#include <rte_ethdev.h>

#include "world.h"

#include "net/port_check.h"

static char sys[] = "/tmp/lg-sysfs-XXXXXX";

static void in_sys(char *path, size_t len, const char *what)
{
	snprintf(path, len, "%s/%s", sys, what);
}

static void make_dir(const char *what)
{
	char path[256];
	in_sys(path, sizeof(path), what);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void make_driver(const char *dev, const char *driver)
{
	char path[256], target[256];
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", sys, dev);
	assert_int_equal(mkdir(path, 0755), 0);
	if (driver == NULL)
		return;
	snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver);
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/driver", sys, dev);
	assert_int_equal(symlink(target, path), 0);
}

static int setup(void **state)
{
	world_group_setup(state);
	assert_non_null(mkdtemp(sys));
	static const char *const dirs[] = {
		"bus", "bus/pci", "bus/pci/devices", "class", "class/net", "class/net/ext0"};
	for (unsigned i = 0; i < LG_ARRAY_SIZE(dirs); i++)
		make_dir(dirs[i]);
	make_driver("0000:3b:00.0", "ixgbe");
	make_driver("0000:3b:00.1", "vfio-pci");
	make_driver("0000:3b:00.2", NULL);
	make_driver("0000:3b:00.3", "mlx5_core");
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = {"bus/pci/devices/0000:3b:00.0/driver",
		"bus/pci/devices/0000:3b:00.1/driver", "bus/pci/devices/0000:3b:00.3/driver",
		"bus/pci/devices/0000:3b:00.0", "bus/pci/devices/0000:3b:00.1",
		"bus/pci/devices/0000:3b:00.2", "bus/pci/devices/0000:3b:00.3", "bus/pci/devices",
		"bus/pci", "bus", "class/net/ext0", "class/net", "class", ""};
	char path[256];
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(files); i++) {
		in_sys(path, sizeof(path), files[i]);
		remove(path);
	}
	return 0;
}

static void pci_addresses_are_told_from_vdevs(void **state)
{
	(void)state;
	assert_true(net_port_is_pci("0000:3b:00.0"));
	assert_true(net_port_is_pci("3b:00.0"));
	assert_false(net_port_is_pci("net_tap0"));
	assert_false(net_port_is_pci("0000:3b:00.0x"));
	assert_false(net_port_is_pci(""));
}

static void usable_devices_pass(void **state)
{
	static const char *const good[] = {"0000:3b:00.1", "3b:00.1", "0000:3B:00.1",
		"0000:3b:00.3,rxq_cqe_comp_en=0", "net_tap0,iface=T0", "net_af_packet0,iface=ext0",
		"net_memif0,role=server"};
	char why[256];
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(good); i++)
		assert_int_equal(net_port_check_device(good[i], 1500, sys, why, sizeof(why)), 0);
}

static void refused(const char *device, uint16_t mtu, int rc, const char *words)
{
	char why[256] = "";
	assert_int_equal(net_port_check_device(device, mtu, sys, why, sizeof(why)), rc);
	if (strstr(why, words) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", why, words);
}

static void unusable_devices_are_explained(void **state)
{
	(void)state;
	refused("0000:3b:00.0", 1500, -EBUSY,
		"is bound to the kernel driver ixgbe: DPDK can't use it: run: driverctl "
		"set-override 0000:3b:00.0 vfio-pci");
	refused("3b:00.0", 1500, -EBUSY, "set-override 0000:3b:00.0");
	refused("0000:3b:00.2", 1500, -ENODEV, "is bound to no driver");
	refused("0000:3c:00.0", 1500, -ENODEV, "does not exist");
	refused("net_af_packet0,iface=nope", 1500, -ENODEV, "network interface nope");
	refused("net_af_packet0,iface=../ext0", 1500, -ENODEV, "does not exist");
	refused("net_af_packet0,iface=", 1500, -ENODEV, "does not exist");
	refused("net_af_packet0,qpairs=2", 1500, -EINVAL, "iface=NAME");
}

static void af_packet_slots_must_hold_the_mtu(void **state)
{
	char why[256];
	(void)state;
	assert_int_equal(
		net_port_check_device("net_af_packet0,iface=ext0", 1968, sys, why, sizeof(why)), 0);
	refused("net_af_packet0,iface=ext0", 1969, -EINVAL, "framesz=2048");
	refused("net_af_packet0,iface=ext0,framesz=1024", 1500, -EINVAL, "at least 1580");
	assert_int_equal(net_port_check_device("net_af_packet0,iface=ext0,framesz=16384", 9000, sys,
				 why, sizeof(why)),
		0);
}

static struct net_port_params null_port(uint16_t queues, struct rte_mempool **pools)
{
	for (unsigned i = 0; i < queues; i++)
		pools[i] = world_pool;
	return (struct net_port_params){.name = "external",
		.device = "net_null0,no-rx=1",
		.mtu = 1500,
		.n_queues = queues,
		.rx_desc = 256,
		.tx_desc = 256,
		.pools = pools};
}

static void virtual_port_opens_sends_and_opens_again(void **state)
{
	struct rte_mempool *pools[2];
	struct net_port_params p = null_port(1, pools);
	struct net_port port;
	char err[512] = "";
	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		if (net_port_open(&p, &port, err, sizeof(err)) != 0)
			fail_msg("%s", err);
		assert_string_equal(port.driver, "net_null");
		assert_int_equal(port.n_rxq, 1);
		assert_int_equal(port.n_txq, 1);
		assert_int_equal(port.rss_key_len, 0);
		assert_true(net_port_wait_link(&port, 1000));
		struct net_port_txq txq = {.port_id = port.port_id};
		struct rte_mbuf *m = rte_pktmbuf_alloc(world_pool);
		assert_non_null(rte_pktmbuf_append(m, 60));
		assert_int_equal(net_port_tx(&txq, &m, 1), 1);
		net_port_close(&port);
		assert_int_equal(rte_eth_dev_count_avail(), 0);
	}
	assert_int_equal(rte_mempool_in_use_count(world_pool), 0);
}

static void failed(const struct net_port_params *p, const char *words)
{
	struct net_port port;
	char err[512] = "";
	assert_true(net_port_open(p, &port, err, sizeof(err)) < 0);
	if (strstr(err, words) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", err, words);
	assert_non_null(strstr(err, "external port: device "));
	assert_int_equal(rte_eth_dev_count_avail(), 0);
}

static void open_says_why_it_failed(void **state)
{
	struct rte_mempool *pools[2000];
	struct net_port_params p = null_port(2, pools);
	(void)state;
	p.device = "net_nonsense0";
	failed(&p, "could not be probed");
	p.device = "net_af_packet0,iface=lg-no-such-if";
	failed(&p, "network interface lg-no-such-if, which does not exist");
	p = null_port(2000, pools);
	failed(&p, "each of the 2000 workers needs its own");
	p = null_port(2, pools);
	p.mtu = 9000;
	failed(&p, "mtu 9000 does not fit one mbuf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pci_addresses_are_told_from_vdevs),
		cmocka_unit_test(usable_devices_pass),
		cmocka_unit_test(unusable_devices_are_explained),
		cmocka_unit_test(af_packet_slots_must_hold_the_mtu),
		cmocka_unit_test(virtual_port_opens_sends_and_opens_again),
		cmocka_unit_test(open_says_why_it_failed),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
