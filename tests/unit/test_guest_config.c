/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which members of libxl's JSON get a folder, and which must not. */
#include "test.h"

#include <string.h>

#include "cleanup.h"
#include "guest_config.h"

/* The same text with ' for ", as JSON. */
static json_t *read_json(const char *text)
{
    _cleanup_(cleanup_free) char *copy = strdup(text);
    json_t *value;

    assert_non_null(copy);
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    value = json_loads(copy, 0, NULL);
    assert_non_null(value);
    return value;
}

static void assert_resolved(const char *folder, const char *before, const char *after)
{
    _cleanup_(cleanup_json) json_t *config = read_json(before), *expected = read_json(after);

    assert_int_equal(guest_config_resolve(config, folder), 0);
    if (!json_equal(config, expected)) {
        _cleanup_(cleanup_free) char *text = json_dumps(config, 0);

        fail_msg("%s, not %s", text, after);
    }
}

static void assert_untouched(const char *text)
{
    assert_resolved("/etc/xen", text, text);
}

static void test_build_info(void **state)
{
    assert_resolved("/etc/xen",
                    "{'b_info': {'kernel': 'Image', 'ramdisk': 'boot/initrd', 'cmdline': 'a=b/c',"
                    " 'device_tree': '../guest.dtb', 'device_model': 'qemu',"
                    " 'stubdomain_kernel': 'k', 'stubdomain_ramdisk': 'r'}}",
                    "{'b_info': {'kernel': '/etc/xen/Image', 'ramdisk': '/etc/xen/boot/initrd',"
                    " 'cmdline': 'a=b/c', 'device_tree': '/etc/xen/../guest.dtb',"
                    " 'device_model': '/etc/xen/qemu', 'stubdomain_kernel': '/etc/xen/k',"
                    " 'stubdomain_ramdisk': '/etc/xen/r'}}");
    assert_untouched("{'b_info': {'kernel': '/boot/Image', 'ramdisk': '', 'device_tree': null}}");
    assert_resolved("/", "{'b_info': {'kernel': 'Image'}}", "{'b_info': {'kernel': '/Image'}}");
}

static void test_bootloader(void **state)
{
    assert_untouched("{'b_info': {'bootloader': 'pygrub'}}");
    assert_untouched("{'b_info': {'bootloader': '/usr/bin/pygrub'}}");
    assert_resolved("/etc/xen", "{'b_info': {'bootloader': './loader'}}",
                    "{'b_info': {'bootloader': '/etc/xen/./loader'}}");
}

static void test_unions(void **state)
{
    assert_resolved("/c",
                    "{'b_info': {'type.hvm': {'firmware': 'hvmloader', 'bios': 'ovmf',"
                    " 'system_firmware': 'a', 'smbios_firmware': 'b', 'acpi_firmware': 'c',"
                    " 'sdl': {'xauthority': 'd'}}}}",
                    "{'b_info': {'type.hvm': {'firmware': 'hvmloader', 'bios': 'ovmf',"
                    " 'system_firmware': '/c/a', 'smbios_firmware': '/c/b',"
                    " 'acpi_firmware': '/c/c', 'sdl': {'xauthority': '/c/d'}}}}");
    assert_resolved("/c", "{'b_info': {'type.pvh': {'pvshim_path': 'shim'}}}",
                    "{'b_info': {'type.pvh': {'pvshim_path': '/c/shim'}}}");
}

static void test_disks(void **state)
{
    assert_resolved("/c",
                    "{'disks': [{'pdev_path': 'a.img', 'vdev': 'xvda', 'format': 'raw'},"
                    " {'pdev_path': '/dev/sda'},"
                    " {'pdev_path': 'b.qcow2', 'backend': 'qdisk', 'format': 'qcow2'},"
                    " {'pdev_path': 'c', 'active_disk': 'd', 'hidden_disk': 'e'}]}",
                    "{'disks': [{'pdev_path': '/c/a.img', 'vdev': 'xvda', 'format': 'raw'},"
                    " {'pdev_path': '/dev/sda'},"
                    " {'pdev_path': '/c/b.qcow2', 'backend': 'qdisk', 'format': 'qcow2'},"
                    " {'pdev_path': '/c/c', 'active_disk': '/c/d', 'hidden_disk': '/c/e'}]}");
}

static void test_disks_that_are_no_files(void **state)
{
    assert_untouched("{'disks': [{'vdev': 'hdc', 'format': 'empty', 'is_cdrom': 1},"
                     " {'pdev_path': '', 'format': 'empty'},"
                     " {'pdev_path': 'iqn.2001-05.com:x', 'script': 'block-iscsi'},"
                     " {'pdev_path': 'nbd:host:10809', 'backend': 'qdisk'},"
                     " {'pdev_path': 'vg/lv', 'backend_domname': 'storage'},"
                     " {'pdev_path': 'vg/lv', 'backend_domid': 3}]}");
    /* A colon after a slash is part of a name, for QEMU as well. */
    assert_resolved("/c",
                    "{'disks': [{'pdev_path': 'a/b:c', 'backend': 'qdisk'},"
                    " {'pdev_path': 'x', 'backend_domname': 'Domain-0', 'backend_domid': 0}]}",
                    "{'disks': [{'pdev_path': '/c/a/b:c', 'backend': 'qdisk'},"
                    " {'pdev_path': '/c/x', 'backend_domname': 'Domain-0', 'backend_domid': 0}]}");
}

static void test_other_devices(void **state)
{
    assert_resolved("/c",
                    "{'p9s': [{'tag': 't', 'path': 'share'}, {'path': 'x', 'backend_domid': 1}],"
                    " 'vfbs': [{'sdl': {'xauthority': 'x'}}],"
                    " 'channels': [{'name': 'a', 'connection.socket': {'path': 's'}},"
                    "  {'name': 'b', 'connection.pty': {}}],"
                    " 'nics': [{'script': 'vif-bridge'}],"
                    " 'dtdevs': [{'path': 'no/file'}]}",
                    "{'p9s': [{'tag': 't', 'path': '/c/share'}, {'path': 'x', 'backend_domid': 1}],"
                    " 'vfbs': [{'sdl': {'xauthority': '/c/x'}}],"
                    " 'channels': [{'name': 'a', 'connection.socket': {'path': '/c/s'}},"
                    "  {'name': 'b', 'connection.pty': {}}],"
                    " 'nics': [{'script': 'vif-bridge'}],"
                    " 'dtdevs': [{'path': 'no/file'}]}");
}

/* What is no such configuration is the daemon's to refuse. */
static void test_other_shapes(void **state)
{
    assert_untouched("{}");
    assert_untouched("{'b_info': 5, 'disks': {'pdev_path': 7}, 'p9s': [3, [], null]}");
    assert_untouched("{'b_info': {'kernel': {}, 'type.hvm': 'x'}, 'channels': 'x', 'kernel': 'k'}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_info),
        cmocka_unit_test(test_bootloader),
        cmocka_unit_test(test_unions),
        cmocka_unit_test(test_disks),
        cmocka_unit_test(test_disks_that_are_no_files),
        cmocka_unit_test(test_other_devices),
        cmocka_unit_test(test_other_shapes),
    };

    return RUN_TESTS("guest_config", tests);
}
