module heldby/victims

go 1.18
