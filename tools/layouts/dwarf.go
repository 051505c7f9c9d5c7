package main

import (
	"debug/dwarf"
	"debug/elf"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The program to examine; its go.mod makes it a module of its own, which go:embed leaves out.
//
//go:embed probe/*.go
var probe embed.FS

const probeModule = "module probe\n\ngo 1.18\n"

// goroot is where one toolchain is; it is fetched first if need be. Not by the go command: releases before 1.21 cannot
// build from inside the module cache, where that one leaves them.
func goroot(toolchain string) (string, error) {
	cmd := exec.Command("scripts/go-toolchain.sh", toolchain)
	cmd.Stderr = os.Stderr
	root, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("get the toolchain: %w", err)
	}
	return strings.TrimSpace(string(root)), nil
}

// buildProbe builds the probe with some experiments in dir and returns the executable's path.
func buildProbe(root, dir string, experiments []string) (string, error) {
	entries, err := probe.ReadDir("probe")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(probeModule), 0o666); err != nil {
		return "", err
	}
	for _, entry := range entries {
		text, err := probe.ReadFile("probe/" + entry.Name())
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, entry.Name()), text, 0o666); err != nil {
			return "", err
		}
	}
	exe := filepath.Join(dir, "probe")
	cmd := exec.Command(filepath.Join(root, "bin", "go"), "build", "-o", exe, ".")
	cmd.Env = append(os.Environ(), "GOROOT="+root, "GOTOOLCHAIN=local", "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0",
		"GOFLAGS=", "GOEXPERIMENT="+strings.Join(experiments, ","), "GOWORK=off")
	cmd.Stderr = os.Stderr
	cmd.Dir = dir
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build the probe: %w", err)
	}
	return exe, nil
}

// A structLayout is what one version says of one structDef; nil offsets are absent.
type structLayout struct {
	def     *structDef
	exists  bool
	size    *int64
	offsets []*int64 // one a field of def
	widths  []int64  // in bytes, of the fields that exist
}

// lookUp finds every struct and field of the list in the DWARF of the probe. An entry that the list says the version
// has, and that is not there, is an error, and so is the reverse.
func lookUp(root string, minor int, experiments []string, structs []structDef) ([]structLayout, error) {
	dir, err := os.MkdirTemp("", "layouts")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	exe, err := buildProbe(root, dir, experiments)
	if err != nil {
		return nil, err
	}
	types, err := readTypes(exe, structs)
	if err != nil {
		return nil, err
	}
	var list []structLayout
	var wrong []string
	expect := func(what string, in versionRange, found bool) {
		if in.has(minor, experiments) && !found {
			wrong = append(wrong, what+" is missing (if go1."+fmt.Sprint(minor)+" has none, say so in the list)")
		} else if !in.has(minor, experiments) && found {
			wrong = append(wrong, what+" exists, and the list says it does not")
		}
	}
	for i := range structs {
		def := &structs[i]
		layout := structLayout{def: def, offsets: make([]*int64, len(def.fields)), widths: make([]int64, len(def.fields))}
		t := firstType(types, def.types)
		expect(def.name, def.in, t != nil)
		if t != nil {
			layout.exists = true
			if def.sized {
				layout.size = &t.ByteSize
			}
			for j, field := range def.fields {
				layout.offsets[j] = firstOffset(t, field.paths)
				layout.widths[j] = widthOf(t, field.paths)
				expect(def.name+"."+field.name, field.in, layout.offsets[j] != nil)
			}
		}
		list = append(list, layout)
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("the list of fields does not fit:\n\t%s", strings.Join(wrong, "\n\t"))
	}
	return list, nil
}

// readTypes returns the struct types of an executable by name, those that the list names.
func readTypes(exe string, structs []structDef) (map[string]*dwarf.StructType, error) {
	wanted := map[string]bool{}
	for _, def := range structs {
		for _, name := range def.types {
			wanted[name] = true
		}
	}
	file, err := elf.Open(exe)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return nil, err
	}
	types := map[string]*dwarf.StructType{}
	for reader := data.Reader(); ; {
		entry, err := reader.Next()
		if err != nil {
			return nil, err
		}
		if entry == nil {
			return types, nil
		}
		if entry.Tag == dwarf.TagSubprogram {
			reader.SkipChildren()
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		if entry.Tag != dwarf.TagStructType || !wanted[name] {
			continue
		}
		t, err := data.Type(entry.Offset)
		if err != nil {
			return nil, fmt.Errorf("type %s: %w", name, err)
		}
		types[name] = t.(*dwarf.StructType)
	}
}

func firstType(types map[string]*dwarf.StructType, names []string) *dwarf.StructType {
	for _, name := range names {
		if t := types[name]; t != nil {
			return t
		}
	}
	return nil
}

func firstOffset(t *dwarf.StructType, paths []string) *int64 {
	for _, path := range paths {
		if offset, ok := offsetOf(t, strings.Split(path, ".")); ok {
			return &offset
		}
	}
	return nil
}

// offsetOf follows field names through nested structs.
func offsetOf(t *dwarf.StructType, path []string) (int64, bool) {
	field, ok := follow(t, path)
	if !ok {
		return 0, false
	}
	return field.ByteOffset, true
}

// follow finds the field that a path through nested structs leads to, at its offset from the outermost struct.
func follow(t *dwarf.StructType, path []string) (dwarf.StructField, bool) {
	var offset int64
	for i, name := range path {
		field := fieldOf(t, name)
		if field == nil {
			break
		}
		offset += field.ByteOffset
		if i == len(path)-1 {
			found := *field
			found.ByteOffset = offset
			return found, true
		}
		var ok bool
		if t, ok = underlying(field.Type).(*dwarf.StructType); !ok {
			break
		}
	}
	return dwarf.StructField{}, false
}

// underlying is what a type is behind its names.
func underlying(t dwarf.Type) dwarf.Type {
	for {
		typedef, ok := t.(*dwarf.TypedefType)
		if !ok {
			return t
		}
		t = typedef.Type
	}
}

func fieldOf(t *dwarf.StructType, name string) *dwarf.StructField {
	for _, field := range t.Field {
		if field.Name == name {
			return field
		}
	}
	return nil
}
