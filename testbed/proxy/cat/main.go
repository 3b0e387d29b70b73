// Prints a file, in an image that has nothing else to print one with.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	file, err := os.Open(os.Args[1])
	if err == nil {
		_, err = io.Copy(os.Stdout, file)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
