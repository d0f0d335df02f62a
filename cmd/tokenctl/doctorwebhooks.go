package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

const (
	checkWebhooks   = "webhooks are delivered"
	deliverFunction = "deliver"
)

// checkWebhooks checks that the function deliver reads its queue, and what waits there
// and in its dead-letter queue.
func (d *doctor) checkWebhooks(ctx context.Context) {
	id, queue, failed := d.stage.id(kindMapping, deliverFunction), d.stage.id(kindQueue, "deliverQueue"), d.stage.id(kindQueue, "deliverFailed")
	if id == "" || queue == "" || failed == "" {
		d.skip(checkWebhooks, "the stage has no queue of webhooks")
		return
	}
	mapping, err := lambda.NewFromConfig(d.stage.cfg).GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &id})
	if d.fail(checkWebhooks, err) {
		return
	}
	waiting, err := newMessageQueue(d.stage.cfg, queue).size(ctx)
	if d.fail(checkWebhooks, err) {
		return
	}
	dead, err := newMessageQueue(d.stage.cfg, failed).size(ctx)
	if !d.fail(checkWebhooks, err) {
		d.add(judgeWebhooks(id, aws.ToString(mapping.State), waiting, dead, d.stage.id(kindLogGroup, deliverFunction)))
	}
}

// judgeWebhooks judges an event source mapping by its ID and state, the messages that
// wait, and those that failed. The log of deliver is in the log group.
func judgeWebhooks(id, state string, waiting, dead int, logGroup string) finding {
	switch {
	case state != "Enabled" && state != "Enabling" && state != "Creating" && state != "Updating":
		return finding{
			checkWebhooks, stateProblem, "the event source mapping is " + strings.ToLower(state) + ", so no webhook is sent",
			"aws lambda update-event-source-mapping --uuid " + id + " --enabled",
		}
	case dead > 0:
		return finding{
			checkWebhooks, stateProblem, fmt.Sprintf("%d messages in the dead-letter queue were not delivered; the log says why", dead),
			"aws logs tail " + logGroup + " --since 1d --filter-pattern ERROR",
		}
	default:
		return finding{Check: checkWebhooks, State: stateOK, Text: fmt.Sprintf("%d messages wait", waiting)}
	}
}
