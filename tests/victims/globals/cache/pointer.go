//go:build go1.19

package cache

import "sync/atomic"

type userPointer = atomic.Pointer[User]
