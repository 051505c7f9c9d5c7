package leaking

//explain:begin

var online = map[int]Player{}

func Leave(id int) {
	delete(online, id)
	// the room for a million stays
}

//explain:end

// Player is somebody who plays.
type Player struct{ score [64]byte }

func init() {
	Rules["H104"] = func() {
		each(1000000, func(i int) { online[i] = Player{} })
		each(999900, Leave)
	}
}
