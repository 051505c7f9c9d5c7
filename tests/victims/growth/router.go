package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

// A router manager in small: addresses by VRF, and what each VMC has there, until it dies.

type routerAddress struct {
	address [16]byte
	prefix  int
}

type vmcAddress struct {
	address [16]byte
	mac     string
}

type vmcRoute struct {
	vrf     uint32
	prefix  [16]byte
	nextHop [16]byte
}

type router struct {
	addresses sync.Mutex
	routes    sync.Mutex
	cleansUp  bool
	alive     []string // VMCs, the oldest one first
}

const (
	vrfs           = 4
	vmcsAlive      = 20
	addressesOfVMC = 6
	routesOfVMC    = 5
)

var (
	RouterAddresses = map[uint32]map[int]routerAddress{}
	VmcAddresses    = map[uint32]map[string]map[int]vmcAddress{}
	VmcRoutes       = map[string]map[vmcRoute]bool{}
	manager         *router
)

func (r *router) addressesAdded(vrf uint32, vmc string) {
	r.addresses.Lock()
	defer r.addresses.Unlock()
	if VmcAddresses[vrf] == nil {
		VmcAddresses[vrf] = map[string]map[int]vmcAddress{}
		RouterAddresses[vrf] = map[int]routerAddress{1: {prefix: 24}, 2: {prefix: 64}}
	}
	if VmcAddresses[vrf][vmc] == nil {
		VmcAddresses[vrf][vmc] = map[int]vmcAddress{}
	}
	for i := 0; i < addressesOfVMC; i++ {
		VmcAddresses[vrf][vmc][i] = vmcAddress{mac: fmt.Sprintf("02:00:00:00:%02x:%02x", vrf, i)}
	}
}

func (r *router) routesAdded(vrf uint32, vmc string) {
	r.routes.Lock()
	defer r.routes.Unlock()
	if VmcRoutes[vmc] == nil {
		VmcRoutes[vmc] = map[vmcRoute]bool{}
	}
	for i := 0; i < routesOfVMC; i++ {
		VmcRoutes[vmc][vmcRoute{vrf: vrf, prefix: [16]byte{byte(i)}}] = i%2 == 0
	}
}

// What InformVmcDead does: without its cleanup, whatever the VMC had stays.
func (r *router) vmcDied(vmc string) {
	if !r.cleansUp {
		return
	}
	r.routes.Lock()
	delete(VmcRoutes, vmc)
	r.routes.Unlock()
	r.addresses.Lock()
	for vrf := range VmcAddresses {
		delete(VmcAddresses[vrf], vmc)
	}
	r.addresses.Unlock()
}

// A VMC appears; the oldest one dies.
func (r *router) request(i int) {
	vmc, vrf := fmt.Sprintf("vmc-%06d", i), uint32(i%vrfs)+100
	r.alive = append(r.alive, vmc)
	r.addressesAdded(vrf, vmc)
	r.routesAdded(vrf, vmc)
	if len(r.alive) > vmcsAlive {
		r.vmcDied(r.alive[0])
		r.alive = append(r.alive[:0], r.alive[1:]...)
	}
}

func countAddresses() (n int) {
	for _, vmcs := range VmcAddresses {
		n += len(vmcs)
	}
	return n
}

func addressesOfFirst() map[string]map[int]vmcAddress {
	mu.Lock()
	defer mu.Unlock()
	return VmcAddresses[100]
}

// Somebody who is at it for an hour.
func use(vmcs map[string]map[int]vmcAddress) {
	time.Sleep(time.Hour)
	runtime.KeepAlive(vmcs)
}

func init() {
	programs["router-leak"] = program{
		func() { manager = &router{} }, func(i int) { manager.request(i) }, countAddresses,
	}
	programs["router-fixed"] = program{
		func() { manager = &router{cleansUp: true} }, func(i int) { manager.request(i) }, countAddresses,
	}
}
