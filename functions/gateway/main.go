// Command gateway is the Lambda function behind a function URL in front of a
// model API. It streams answers and charges them.
package main

import "github.com/latchkey-api/latchkey/shared/boot/modelgateway"

func main() { modelgateway.Run() }
