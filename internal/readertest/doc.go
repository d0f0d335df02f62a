// Package readertest has the tests that follow the documents as a reader does.
// They run the commands that README.md and docs/ show, in their order, on a copy of
// the project without anything built, and check that each other block of code is
// shown by a test elsewhere.
package readertest
