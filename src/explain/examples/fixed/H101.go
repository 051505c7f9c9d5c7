package fixed

import "container/list"

//explain:begin

const maxSessions = 1000

var recent = list.New() // newest first
var sessions = map[string]*list.Element{}

func Store(id string, s *Session) {
	if e, ok := sessions[id]; ok {
		e.Value = entry{id, s}
		recent.MoveToFront(e)
		return
	}
	sessions[id] = recent.PushFront(entry{id, s})
	if recent.Len() > maxSessions {
		e := recent.Back()
		recent.Remove(e)
		delete(sessions, e.Value.(entry).id)
	}
}

//explain:end

type entry struct {
	id string
	s  *Session
}

// Session is what a server keeps of a client.
type Session struct{ data [200]byte }

func init() {
	Rules["H101"] = func() { each(5000, func(i int) { Store(name(i), new(Session)) }) }
}
