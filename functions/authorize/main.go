// Command authorize is the Lambda function that HTTP APIs of the operator's
// can attach as their authorizer: it lets valid keys in.
package main

import "github.com/latchkey-api/latchkey/shared/boot"

func main() { boot.RunAuthorizer() }
