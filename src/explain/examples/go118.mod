module heldby/examples

go 1.18
