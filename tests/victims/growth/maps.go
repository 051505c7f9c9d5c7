package main

import "time"

type session struct {
	user    string
	payload [120]byte
	started time.Time
}

func newSession(i int) *session { return &session{user: key(i), started: time.Now()} }

type requestKey struct {
	host, path string
	method     int
}

type store struct {
	hits, misses int
	byRequest    map[requestKey]*session
}

var (
	sessions  = map[string]*session{}
	seen      = map[int]int{}
	ids       = map[string]struct{}{}
	responses *store
	requests  = map[uint64]*session{}
	wide      = map[int][200]byte{}
)

func init() {
	// Leaks: nothing is ever deleted, or not on every path.
	programs["map-leak"] = program{nil, func(i int) { sessions[key(i)] = newSession(i) }, func() int { return len(sessions) }}
	programs["map-plain-leak"] = program{nil, func(i int) { seen[i] = i }, func() int { return len(seen) }}
	programs["map-set-leak"] = program{nil, func(i int) { ids[key(i)] = struct{}{} }, func() int { return len(ids) }}
	programs["map-wide-leak"] = program{nil, func(i int) { wide[i] = [200]byte{1} }, func() int { return len(wide) }}
	programs["map-store-leak"] = program{
		func() { responses = &store{byRequest: map[requestKey]*session{}} },
		func(i int) { responses.byRequest[requestKey{"host", key(i), i & 1}] = newSession(i) },
		func() int { return len(responses.byRequest) },
	}
	// A tenth of all requests fail, and leave their entry behind.
	programs["map-error-path-leak"] = program{nil, func(i int) {
		requests[uint64(i)] = newSession(i)
		if done := i - 50; done >= 0 && done%10 != 0 {
			delete(requests, uint64(done))
		}
	}, func() int { return len(requests) }}
	// A leak among entries that are stored again and again.
	programs["map-updated-leak"] = program{nil, func(i int) {
		sessions[key(i)] = newSession(i)
		sessions[key(random.Intn(i+1))] = newSession(i)
	}, func() int { return len(sessions) }}

	// The same, repaired.
	programs["map-fixed"] = program{nil, func(i int) {
		sessions[key(i)] = newSession(i)
		delete(sessions, key(i-300))
	}, func() int { return len(sessions) }}
	programs["map-set-fixed"] = program{nil, func(i int) {
		ids[key(i)] = struct{}{}
		delete(ids, key(i-300))
	}, func() int { return len(ids) }}
	programs["map-error-path-fixed"] = program{nil, func(i int) {
		requests[uint64(i)] = newSession(i)
		delete(requests, uint64(i-50))
	}, func() int { return len(requests) }}

	// Healthy programs that look alike.
	programs["warm-cache"] = program{nil, func(i int) { sessions[key(i%400)] = newSession(i) }, func() int { return len(sessions) }}
	programs["presized-table"] = program{
		func() { sessions = make(map[string]*session, 1<<16) },
		func(i int) { sessions[key(i)] = newSession(i) },
		func() int { return len(sessions) },
	}
	programs["intern-cache"] = program{nil, func(i int) { ids[key(random.Intn(1000))] = struct{}{} }, func() int { return len(ids) }}
	programs["sawtooth-flush"] = program{nil, func(i int) {
		if i%370 == 0 {
			sessions = map[string]*session{}
		}
		sessions[key(i)] = newSession(i)
	}, func() int { return len(sessions) }}
	programs["sawtooth-clear"] = program{nil, func(i int) {
		if i%370 == 0 {
			for k := range sessions {
				delete(sessions, k)
			}
		}
		sessions[key(i)] = newSession(i)
	}, func() int { return len(sessions) }}
	programs["expiring-sessions"] = program{nil, func(i int) {
		sessions[key(i)] = newSession(i)
		if i%20 == 0 {
			for k, s := range sessions {
				if time.Since(s.started) > 3*time.Second {
					delete(sessions, k)
				}
			}
		}
	}, func() int { return len(sessions) }}
	programs["static-table"] = program{
		func() {
			for i := 0; i < 50000; i++ {
				seen[i] = i
			}
		},
		func(i int) { seen[i%50000]++ },
		func() int { return len(seen) },
	}
	programs["metrics-registry"] = program{nil, func(i int) { seen[i%37]++ }, func() int { return len(seen) }}
}
