// Package tool is what the command-line tools share: their surroundings as a
// value, so that tests can supply others, and the habits of the C library that
// show in their output: number syntax, error texts.
//
// It owns no tool. Main is called once, from main.
package tool
