package reqlog

import (
	"fmt"
	"runtime/debug"
)

// Recover turns a panic into an error that has the stack, for the request's
// log line. Without a panic it leaves err as it is. Defer it directly, with
// the address of the function's named result:
//
//	defer reqlog.Recover(&err)
func Recover(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}
