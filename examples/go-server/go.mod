module example.com/go-server

go 1.18

require github.com/pborman/uuid v1.2.0

require github.com/google/uuid v1.3.0 // indirect
