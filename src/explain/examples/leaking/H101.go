package leaking

//explain:begin

var sessions = map[string]*Session{}

func Store(id string, s *Session) {
	sessions[id] = s // who deletes it?
}

//explain:end

// Session is what a server keeps of a client.
type Session struct{ data [200]byte }

func init() {
	Rules["H101"] = func() { each(5000, func(i int) { Store(name(i), new(Session)) }) }
}
