//go:build !linux

package lfsserver

// releaseProgram does something on Linux alone.
func releaseProgram() {}
