// Command update is the Lambda function behind PUT /api/token.
package main

import (
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() { boot.Run(api.UpdateToken) }
