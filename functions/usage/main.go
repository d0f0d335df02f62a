// Command usage is the Lambda function behind GET /api/usage/token.
package main

import (
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() { boot.Run(api.ShowUsage) }
