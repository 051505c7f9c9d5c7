package fixed

//explain:begin

var (
	online = map[int]Player{}
	most   int // since it was made
)

func Leave(id int) {
	delete(online, id)
	if len(online) > most {
		most = len(online)
	}
	if most > 1000 && len(online) < most/8 {
		rebuild()
	}
}

func rebuild() {
	smaller := make(map[int]Player, len(online))
	for id, player := range online {
		smaller[id] = player
	}
	online, most = smaller, len(online)
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
