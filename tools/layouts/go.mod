module heldby/tools/layouts

go 1.24
