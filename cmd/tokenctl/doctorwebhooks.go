package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
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

// checkEndpoints looks for webhooks of a user that fail.
func (d *doctor) checkEndpoints(ctx context.Context, u token.User) {
	all, unread, err := d.db.store().EndpointsOf(ctx, u.ID)
	if err != nil {
		d.failOnce(checkFailing, err)
		return
	}
	if unread != nil {
		d.add(finding{checkFailing, stateProblem, "one of user " + u.Name + " can't be read: " + unread.Error(), "tokenctl webhook delete ID # logged in as " + u.Name})
	}
	if f, some := judgeEndpoints(u.Name, all); some {
		d.add(f)
	}
}

// judgeEndpoints reports webhooks of a user whose last attempt failed, and since when, and
// those that are disabled because they failed.
func judgeEndpoints(user string, all []webhook.Endpoint) (f finding, some bool) {
	var failing []string
	for _, e := range all {
		switch {
		case e.Disabled == webhook.Failing || e.Disabled == webhook.Gone:
			failing = append(failing, fmt.Sprintf("%d is disabled", e.ID))
		case e.Disabled == "" && e.FailingSince != 0:
			failing = append(failing, fmt.Sprintf("%d fails since %s", e.ID, timestamp(e.FailingSince)))
		}
	}
	return finding{
		checkFailing, stateWarning, fmt.Sprintf("user %s has %d: webhook %s", user, len(failing), strings.Join(failing, ", ")),
		"tokenctl webhook list # logged in as " + user,
	}, len(failing) > 0
}
