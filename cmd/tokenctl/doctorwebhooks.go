package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/wire"
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
	if f, some := judgeEndpoints(u.Name, all, d.tokenctl("audit --user "+u.Name)); some {
		d.add(f)
	}
}

// judgeEndpoints reports webhooks of a user whose last attempt failed, and since when, and
// those that are disabled because they failed. The command shows more about them.
func judgeEndpoints(user string, all []webhook.Endpoint, command string) (f finding, some bool) {
	var failing []string
	for _, e := range all {
		switch {
		case e.Disabled == webhook.Failing || e.Disabled == webhook.Gone:
			failing = append(failing, fmt.Sprintf("%d to %s is disabled (%s)", e.ID, hostOf(e), lastResult(e)))
		case e.Disabled == "" && e.FailingSince != 0:
			failing = append(failing, fmt.Sprintf("%d to %s fails since %s (%s)", e.ID, hostOf(e), timestamp(e.FailingSince), lastResult(e)))
		}
	}
	return finding{
		checkFailing, stateWarning, fmt.Sprintf("user %s has %d: webhook %s; ask the user to repair the receivers and to enable what is disabled", user, len(failing), strings.Join(failing, ", ")),
		command,
	}, len(failing) > 0
}

// hostOf returns the host of an endpoint. The rest of a URL may have secrets.
func hostOf(e webhook.Endpoint) string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return "a URL that can't be read"
	}
	return u.Host
}

// lastResult returns why the last attempt failed.
func lastResult(e webhook.Endpoint) string {
	return resultOf(wire.WebhookAttempt{HTTPStatus: int64(e.Last.Status), Failure: string(e.Last.Failure)})
}
