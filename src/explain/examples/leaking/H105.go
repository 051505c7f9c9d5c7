package leaking

//explain:begin

var (
	routes = map[string]map[Route]bool{}
	addrs  = map[int]map[string][]Address{}
)

func MachineDied(name string) {
	delete(routes, name)
	// its addresses stay, below each network
}

//explain:end

// Route and Address are what a router knows of a machine.
type (
	Route   struct{ to, via [16]byte }
	Address [16]byte
)

func machineStarted(network int, name string) {
	if addrs[network] == nil {
		addrs[network] = map[string][]Address{}
	}
	addrs[network][name] = make([]Address, 4)
	routes[name] = map[Route]bool{{}: true}
}

func init() {
	Rules["H105"] = func() {
		each(5000, func(i int) {
			machineStarted(i%10, name(i))
			MachineDied(name(i))
		})
	}
}
