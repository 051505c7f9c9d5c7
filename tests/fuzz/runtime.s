# The debug information of a Go runtime in small: one unit with a struct, a typedef, an array, a constant and a variable.
	.section .debug_abbrev
	.macro abbrev code, tag, children
	.uleb128 \code, \tag
	.byte \children
	.endm
	.macro attribute name, form
	.uleb128 \name, \form
	.endm
	abbrev 1, 0x11, 1		# compile unit
	attribute 0x03, 0x08		# name, string
	attribute 0x13, 0x0b		# language, data1
	attribute 0, 0
	abbrev 2, 0x13, 1		# structure type
	attribute 0x03, 0x08
	attribute 0x0b, 0x0f		# byte size, udata
	attribute 0, 0
	abbrev 3, 0x0d, 0		# member
	attribute 0x03, 0x08
	attribute 0x38, 0x0f		# location, udata
	attribute 0x49, 0x13		# type, ref4
	attribute 0, 0
	abbrev 4, 0x24, 0		# base type
	attribute 0x03, 0x08
	attribute 0x0b, 0x0f
	attribute 0x3e, 0x0b		# encoding, data1
	attribute 0, 0
	abbrev 5, 0x16, 0		# typedef
	attribute 0x03, 0x08
	attribute 0x49, 0x13
	attribute 0, 0
	abbrev 6, 0x01, 1		# array type
	attribute 0x49, 0x13
	attribute 0x0b, 0x0f
	attribute 0, 0
	abbrev 7, 0x21, 0		# subrange
	attribute 0x37, 0x0f		# count, udata
	attribute 0, 0
	abbrev 8, 0x27, 0		# constant
	attribute 0x03, 0x08
	attribute 0x1c, 0x0d		# value, sdata
	attribute 0, 0
	abbrev 9, 0x34, 0		# variable
	attribute 0x03, 0x08
	attribute 0x02, 0x0a		# location, block1
	attribute 0x49, 0x13
	attribute 0, 0
	.byte 0

	.section .debug_info
	.long end - start
start:
	.value 4
	.long 0
	.byte 8
	.set unit, start - 4
	.uleb128 1
	.asciz "runtime"
	.byte 0x16			# Go
word:
	.uleb128 4
	.asciz "uint64"
	.uleb128 8
	.byte 7
named:
	.uleb128 5
	.asciz "runtime.word"
	.long word - unit
array:
	.uleb128 6
	.long named - unit
	.uleb128 32
	.uleb128 7
	.uleb128 4
	.byte 0
stack:
	.uleb128 2
	.asciz "runtime.stack"
	.uleb128 16
	.uleb128 3
	.asciz "lo"
	.uleb128 0
	.long named - unit
	.uleb128 3
	.asciz "hi"
	.uleb128 8
	.long word - unit
	.byte 0
	.uleb128 2
	.asciz "runtime.g"
	.uleb128 440
	.uleb128 3
	.asciz "stack"
	.uleb128 0
	.long stack - unit
	.uleb128 3
	.asciz "goid"
	.uleb128 152
	.long named - unit
	.uleb128 3
	.asciz "xRegs"
	.uleb128 160
	.long array - unit
	.byte 0
	.uleb128 8
	.asciz "runtime._KindSpecialFinalizer"
	.sleb128 2
	.uleb128 9
	.asciz "runtime.waitReasonStrings"
	.byte 9, 3
	.quad 0x4000
	.long array - unit
	.byte 0
end:
