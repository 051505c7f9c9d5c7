// Layouts writes src/golang/layouts.gen.c: where the fields of the Go runtime's structs are, by Go version; and
// layout_widths.gen.c: how wide those of the newest version are.
//
// The structs and fields are those of src/golang/layout_fields.def, the toolchains those of versions.txt. With each
// toolchain it builds the program in probe/ and looks the fields up in its DWARF; wait reasons and kinds of specials come
// from the toolchain's own source.
//
//	layouts [-v] [-check] [-add go1.28.0] [-o FILE] [-widths FILE] [-def FILE] [-versions FILE]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("layouts: ")
	var (
		def      = flag.String("def", "src/golang/layout_fields.def", "the `file` that lists structs and fields")
		versions = flag.String("versions", "tools/layouts/versions.txt", "the `file` that lists toolchains")
		out      = flag.String("o", "src/golang/layouts.gen.c", "`file` to write; - for standard output")
		widths   = flag.String("widths", "src/golang/layout_widths.gen.c", "`file` to write with the widths of the newest version's fields")
		add      = flag.String("add", "", "`toolchain` to add to the list of toolchains first")
		check    = flag.Bool("check", false, "also compare the patch releases that must agree; write nothing")
		verbose  = flag.Bool("v", false, "list what each version does not have")
	)
	flag.Parse()
	structs, err := readDef(*def)
	if err != nil {
		log.Fatal(err)
	}
	list, err := readVersions(*versions)
	if err == nil && *add != "" {
		list, err = list.with(*add)
	}
	if err != nil {
		log.Fatal(err)
	}
	var tables, variants []*table
	for _, v := range list.minors {
		t, err := readToolchain(v.toolchains[0], nil, structs)
		if err != nil {
			log.Fatal(err)
		}
		tables = append(tables, t)
		for _, experiments := range v.variants {
			variant, err := readToolchain(v.toolchains[0], experiments, structs)
			if err != nil {
				log.Fatal(err)
			}
			if diff := t.differences(variant); len(diff) == 0 {
				log.Fatalf("%s is laid out like %s: no table is needed", variant.name(), t.name())
			} else if *verbose {
				log.Printf("%s:\n\t%s", variant.name(), strings.Join(diff, "\n\t"))
			}
			variants = append(variants, variant)
		}
		if *verbose {
			log.Printf("%s has no: %s", t.name(), strings.Join(t.absent(), " "))
		}
		if *check || v.has(*add) {
			for _, toolchain := range v.toolchains[1:] {
				if err := t.mustAgree(toolchain, structs); err != nil {
					log.Fatal(err)
				}
			}
		}
	}
	files := []struct {
		path string
		text []byte
	}{{*out, emit(tables, variants)}, {*widths, emitWidths(tables)}}
	for _, file := range files {
		if *check {
			if old, err := os.ReadFile(file.path); err != nil || !bytes.Equal(old, file.text) {
				log.Fatalf("%s is not what the toolchains give; run: make layouts", file.path)
			}
		} else if err := write(file.path, file.text); err != nil {
			log.Fatal(err)
		}
	}
	if *check {
		return
	}
	if *add != "" {
		if err := list.save(*versions); err != nil {
			log.Fatal(err)
		}
	}
}

// readToolchain makes the table of one toolchain with some experiments.
func readToolchain(toolchain string, experiments []string, structs []structDef) (*table, error) {
	minor, err := minorOf(toolchain)
	if err != nil {
		return nil, err
	}
	root, err := goroot(toolchain)
	if err != nil {
		return nil, err
	}
	t := &table{toolchain: toolchain, minor: minor, experiments: experiments}
	if t.structs, err = lookUp(root, minor, experiments, structs); err == nil {
		err = t.readSource(root)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name(), err)
	}
	return t, nil
}

// mustAgree reports an error when another patch release gives another table.
func (t *table) mustAgree(toolchain string, structs []structDef) error {
	other, err := readToolchain(toolchain, t.experiments, structs)
	if err != nil {
		return err
	}
	if diff := t.diff(other); len(diff) > 0 {
		return fmt.Errorf("%s and %s differ:\n\t%s", t.toolchain, toolchain, strings.Join(diff, "\n\t"))
	}
	log.Printf("%s agrees with %s", toolchain, t.toolchain)
	return nil
}

// write replaces a file only when its contents change, so that nothing is rebuilt for nothing.
func write(path string, text []byte) error {
	if path == "-" {
		_, err := os.Stdout.Write(text)
		return err
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return os.WriteFile(path, text, 0o666)
}
