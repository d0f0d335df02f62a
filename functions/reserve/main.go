// Command reserve is the Lambda function behind POST /api/token/reserve.
package main

import (
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() { boot.Run(api.ReserveQuota) }
