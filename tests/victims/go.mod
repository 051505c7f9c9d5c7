module heldby/victims

go 1.24
