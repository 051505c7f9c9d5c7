package main

import (
	"fmt"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// A minorVersions is one line of versions.txt.
type minorVersions struct {
	minor      int
	toolchains []string   // the first one is what the table is made from
	variants   [][]string // sets of experiments that have tables of their own
}

func (v minorVersions) has(toolchain string) bool {
	for _, t := range v.toolchains {
		if t == toolchain {
			return true
		}
	}
	return false
}

// A versionList is versions.txt, by minor.
type versionList struct {
	comment string // the lines above
	minors  []minorVersions
}

func readVersions(path string) (*versionList, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list := &versionList{}
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "#") {
			list.comment += line + "\n"
			continue
		}
		for i, toolchain := range strings.Fields(line) {
			if experiments, ok := strings.CutPrefix(toolchain, "X:"); ok && i > 0 {
				last := &list.minors[len(list.minors)-1]
				last.variants = append(last.variants, strings.Split(experiments, ","))
				continue
			}
			minor, err := minorOf(toolchain)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			if i == 0 {
				list.minors = append(list.minors, minorVersions{minor: minor})
			}
			last := &list.minors[len(list.minors)-1]
			if last.minor != minor {
				return nil, fmt.Errorf("%s: %s is on the line of go1.%d", path, toolchain, last.minor)
			}
			last.toolchains = append(last.toolchains, toolchain)
		}
	}
	sort.Slice(list.minors, func(i, j int) bool { return list.minors[i].minor < list.minors[j].minor })
	for i := range list.minors[:len(list.minors)-1] {
		if list.minors[i].minor == list.minors[i+1].minor {
			return nil, fmt.Errorf("%s: two lines of go1.%d", path, list.minors[i].minor)
		}
	}
	return list, nil
}

// with puts a toolchain first on the line of its minor; those already there must agree with it from then on.
func (list *versionList) with(toolchain string) (*versionList, error) {
	minor, err := minorOf(toolchain)
	if err != nil {
		return nil, err
	}
	result := &versionList{comment: list.comment}
	line := minorVersions{minor: minor, toolchains: []string{toolchain}}
	for _, v := range list.minors {
		if v.minor != minor {
			result.minors = append(result.minors, v)
			continue
		}
		line.variants = v.variants
		for _, t := range v.toolchains {
			if t != toolchain {
				line.toolchains = append(line.toolchains, t)
			}
		}
	}
	result.minors = append(result.minors, line)
	sort.Slice(result.minors, func(i, j int) bool { return result.minors[i].minor < result.minors[j].minor })
	return result, nil
}

func (list *versionList) save(path string) error {
	text := list.comment
	for _, v := range list.minors {
		text += strings.Join(v.toolchains, " ")
		for _, experiments := range v.variants {
			text += " X:" + strings.Join(experiments, ",")
		}
		text += "\n"
	}
	return write(path, []byte(text))
}

var toolchainName = regexp.MustCompile(`^go1\.(\d+)(?:\.\d+|rc\d+)?$`)

func minorOf(toolchain string) (int, error) {
	match := toolchainName.FindStringSubmatch(toolchain)
	if match == nil {
		return 0, fmt.Errorf("not a toolchain like go1.26.8: %q", toolchain)
	}
	return strconv.Atoi(match[1])
}
