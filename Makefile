# Short names for what the scripts and meson do; nothing is decided here.

PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: build test lint format bench coverage fuzz layouts install clean

build:
	scripts/install-dependencies.sh build
	scripts/build.sh build -Dtests=false

test:
	./test.sh

lint:
	scripts/lint.sh

format:
	scripts/format.sh

bench: build
	tests/bench/run.sh

# make coverage [SERVERS=caddy/1.21.13]: how much of real servers is typed and named; builds 30 of them the first time.
coverage:
	scripts/install-dependencies.sh build go test
	scripts/build.sh build-test/gcc -Dwerror=true -Dchecks=true
	HELDBY=$(CURDIR)/build-test/gcc/heldby tests/oracle/coverage.py $(SERVERS)

# make fuzz [COUNT=5000] [SEED=1]: also so many new random programs, with seeds from that on; else from today's date.
fuzz:
	tests/fuzz/run.sh
	tests/fuzz/random.sh $(or $(COUNT),2000) $(SEED)

# make layouts GO=1.28.0: adds the layout of a Go release to the tables that heldby knows.
layouts:
	PATH="$$(scripts/go-toolchain.sh)/bin:$$PATH" tools/layouts/run.sh $(if $(GO),$(GO),$(error say which release, for example: make layouts GO=1.28.0))

install: build
	meson configure build -Dprefix=$(abspath $(PREFIX))
	DESTDIR=$(DESTDIR) meson install -C build --quiet

clean:
	rm -rf build build-*
