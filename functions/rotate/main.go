// Command rotate is the Lambda function behind POST /api/token/{id}/rotate.
package main

import (
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() { boot.Run(api.RotateKey) }
