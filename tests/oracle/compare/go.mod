module heldby/oracle/compare

go 1.24
