/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The lab's boot loader: the first code of the emulated board.  It hands the device tree
 * to Xen as the arm64 boot protocol asks (x0 = tree, x1..x3 = 0) and jumps there, at EL2.
 * QEMU could do that itself (-kernel, -dtb), but would rewrite /memory in the tree, and
 * the pages kept back from it would be gone.
 */
	.globl _start
_start:
	ldr	x0, =DEVICE_TREE
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	ldr	x4, =XEN
	br	x4
	.ltorg
