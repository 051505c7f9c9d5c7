package main

import "fmt"

// Entries that were many once: by number, by name, with elements behind a pointer, and in maps of maps.
type player struct{ score [40]byte }

type large struct{ rest [200]byte } // more than 128 bytes: kept behind a pointer

var (
	online  map[int]player
	byName  map[string]player
	byPlace map[int]map[string]int
	members map[uint64]large
)

const once, still = 70_000, 500

func name(i int) string { return fmt.Sprintf("name-%06d", i) }

//go:noinline
func leakMapInts() { online = most(); remove(online) }

//go:noinline
func most() map[int]player {
	made := map[int]player{}
	for i := 0; i < once; i++ {
		made[i] = player{}
	}
	return made
}

func remove(m map[int]player) {
	for i := still; i < once; i++ {
		delete(m, i)
	}
}

//go:noinline
func fixMapInts() {
	leakMapInts()
	smaller := make(map[int]player, len(online))
	for i, p := range online {
		smaller[i] = p
	}
	online = smaller
}

// Made for all and being filled: as much room, as few entries, and it will all be needed. Entries come and go.
//
//go:noinline
func healthyMapInts() {
	online = make(map[int]player, once)
	for i := 0; i < once/10; i++ {
		online[i] = player{}
		if i >= 2*still {
			delete(online, i-2*still)
		}
	}
}

//go:noinline
func leakMapStrings() {
	byName = map[string]player{}
	for i := 0; i < once; i++ {
		byName[name(i)] = player{}
	}
	for i := still; i < once; i++ {
		delete(byName, name(i))
	}
}

//go:noinline
func fixMapStrings() {
	leakMapStrings()
	smaller := make(map[string]player, len(byName))
	for k, v := range byName {
		smaller[k] = v
	}
	byName = smaller
}

// Half of what was there is still there: a map does not shrink for that.
//
//go:noinline
func healthyMapStrings() {
	byName = map[string]player{}
	for i := 0; i < once; i++ {
		byName[name(i)] = player{}
	}
	for i := once / 2; i < once; i++ {
		delete(byName, name(i))
	}
}

const places = 20

//go:noinline
func leakMapNested() {
	byPlace = map[int]map[string]int{}
	for place := 0; place < places; place++ {
		inner := map[string]int{}
		for i := 0; i < 20_000; i++ {
			inner[name(i)] = i
		}
		for i := 10; i < 20_000; i++ {
			delete(inner, name(i))
		}
		byPlace[place] = inner
	}
}

//go:noinline
func fixMapNested() {
	leakMapNested()
	for place, inner := range byPlace {
		smaller := make(map[string]int, len(inner))
		for k, v := range inner {
			smaller[k] = v
		}
		byPlace[place] = smaller
	}
}

// Many small maps of a few entries each.
//
//go:noinline
func healthyMapNested() {
	byPlace = map[int]map[string]int{}
	for place := 0; place < 500*places; place++ {
		byPlace[place] = map[string]int{name(place): place}
	}
}

// Large elements are behind pointers: the room is that of the pointers, and the elements are gone.
//
//go:noinline
func leakMapLarge() {
	members = map[uint64]large{}
	for i := uint64(0); i < once; i++ {
		members[i] = large{}
	}
	for i := uint64(still); i < once; i++ {
		delete(members, i)
	}
}

//go:noinline
func fixMapLarge() {
	leakMapLarge()
	smaller := make(map[uint64]large, len(members))
	for k, v := range members {
		smaller[k] = v
	}
	members = smaller
}

//go:noinline
func healthyMapLarge() {
	members = make(map[uint64]large, once)
	for i := uint64(0); i < still; i++ {
		members[i] = large{}
	}
}
