package main

import "unsafe"

func pointerOf(b *base) unsafe.Pointer { return unsafe.Pointer(b) }
