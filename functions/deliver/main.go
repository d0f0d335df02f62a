// Command deliver is the Lambda function that the queue of webhooks calls: it sends
// events to the endpoints of users.
package main

import "github.com/latchkey-api/latchkey/shared/boot/publish"

func main() { publish.RunDeliver() }
