//go:build !go1.19

package cache

import "sync/atomic"

type userPointer struct{ v atomic.Value }

func (p *userPointer) Store(u *User) { p.v.Store(u) }
func (p *userPointer) Load() *User   { u, _ := p.v.Load().(*User); return u }
