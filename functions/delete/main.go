// Command delete is the Lambda function behind DELETE /api/token/{id}.
package main

import (
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

func main() { boot.Run(api.DeleteToken) }
