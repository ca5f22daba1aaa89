// SPDX-License-Identifier: Apache-2.0

// A web server of one page: a greeting and, on a line of its own, a fresh UUID without hyphens.
package main

import (
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/pborman/uuid"
)

const port = 8080

func welcome(w http.ResponseWriter, _ *http.Request) {
	id := strings.ReplaceAll(uuid.NewRandom().String(), "-", "")
	fmt.Fprint(w, "Welcome to my website!\n", id)
}

func main() {
	http.HandleFunc("/", welcome)
	fmt.Printf("Starting server in port %d...\n", port)
	log.Fatal(http.ListenAndServe(fmt.Sprintf(":%d", port), nil))
}
