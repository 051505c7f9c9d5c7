package main

import "unsafe"

func pointerOf(b *base) unsafe.Pointer { return unsafe.Pointer(b) }

// hideMap returns a pointer that does not say that it points to a map.
func hideMap(m map[string]*emptiedValue) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&m))
}

// hide returns a pointer that does not say what it points to.
func hide(t *twin) unsafe.Pointer { return unsafe.Pointer(t) }

func hideDefined(m map[definedKey]definedMap) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&m))
}
