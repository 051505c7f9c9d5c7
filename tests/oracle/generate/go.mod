module heldby/oracle/generate

go 1.24
