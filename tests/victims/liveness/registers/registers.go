// Package registers sets what Go itself never sets on its own. (A package that uses cgo can have no Go assembly.)
package registers

// Set clears all registers that Go code may use and puts a number into a vector register.
//
//go:noescape
func Set(vector *uintptr)
