package main

// travelMutants returns the mutants of how events travel.
func travelMutants() []mutant {
	const (
		history = "shared/boot/history.go"
		send    = "shared/boot/publish/publish.go"
		bus     = "shared/boot/publish/bus.go"
		queue   = "shared/boot/publish/queue.go"
		deliver = "shared/boot/publish/deliver.go"
		refusal = "shared/boot/publish/refusal.go"
		pkg     = "./shared/boot/publish"
		batch   = "TestDeliverBatch"
	)
	return []mutant{
		{
			"an entry that the queue never takes stops all events",
			queue, "result.SenderFault && unfit(why, aws.ToString(result.Message))", "result.SenderFault && why == \"\"",
			pkg, "TestRefusedForGood",
		},
		{
			"a throttled queue loses events",
			queue, "unfit(why, aws.ToString(result.Message))", "why != \"\"",
			pkg, "TestRefusedForGood",
		},
		{
			"an event that can never be published stops all events",
			history, "return lost, nil", "return lost, err",
			"./shared/boot", "TestHistoryPublishes",
		},
		{
			"a webhook gets an event with each repetition",
			"shared/webhook/sender.go", "	s.sent.Add(keys...)\n", "",
			"./shared/webhook", "TestSenderRepeats",
		},
		{
			"the bus gets an event with each repetition",
			bus, "	b.sent.Add(ids...)\n", "	_ = ids\n",
			pkg, "TestRefusedForGood",
		},
		{
			"a bus that fails floods webhooks",
			"shared/event/publishers.go", "case err != nil:\n			return err", "case err != nil:\n			defer func() { _ = err }()",
			"./shared/event", "TestPublishers",
		},
		{
			"a damaged endpoint stops the events of all users",
			"shared/dynamo/endpoint.go", "			unread = cmp.Or(unread, err)\n			continue", "			return nil, nil, cmp.Or(unread, err)",
			"./shared/dynamo", "TestDamagedEndpoint",
		},
		{
			"a name with a character that SQS refuses stops all events",
			"shared/event/event.go", "[]byte(character), []byte(escape)", "[]byte(character), []byte(escape[:0]+character)",
			"./shared/event", "TestEventCharacters",
		},
		{
			"events that could not be published are lost: their records count as finished",
			history, "failed != nil, func", "failed != nil && f.Done < 0, func",
			"./shared/boot", "TestHistoryPublishes",
		},
		{
			"a batch whose events can't be published comes again whole",
			history, "		return reading{f.Done, errors.Join(err, failed), cmp.Or(f.Unread, unmadeErr, filed.Unread, lost.Err()), failed != nil,", "		if failed != nil {\n			f.Done = 0\n		}\n		return reading{f.Done, errors.Join(err, failed), cmp.Or(f.Unread, unmadeErr, filed.Unread, lost.Err()), false,",
			"./shared/boot", "TestHistoryPublishes",
		},
		{
			"events of records that are not folded are published",
			history, "records[:f.Done]", "records",
			"./shared/boot", "TestHistoryPublishes",
		},
		{
			"an entry that the bus refuses counts as sent",
			bus, "result.EventId != nil", "true",
			pkg, "TestSend",
		},
		{
			"a message that the queue refuses counts as sent",
			queue, "!ended[*entry.Id]", "false",
			pkg, "TestSend",
		},
		{
			"all entries are sent again because one was refused",
			send, "		batch = refused\n", "",
			pkg, "TestSend",
		},
		{
			"a call has more entries than the services take",
			send, "maxEntries = 10", "maxEntries = 11",
			pkg, "TestSend",
		},
		{
			"a message that can't be added again is deleted from the queue",
			deliver, "a.unreadable() || a.next != nil && !a.added {", "a.unreadable() {",
			pkg, "TestPostponeFails",
		},
		{
			"messages that were added again stay in the queue because another was not",
			deliver, "a.added = added[i]", "a.added = added[i] && err == nil",
			pkg, "TestPostponeSome",
		},
		{
			"nobody is told that no message can be added again",
			deliver, "if err != nil && len(answer", "if err == nil && len(answer",
			pkg, "TestPostponeFails",
		},
		{
			"a receiver that is down leaves no room for the messages of others",
			"shared/webhook/delivery/memory.go", "if own.messages >= maxWaiting-q.waiting {", "if q.waiting >= maxWaiting {",
			"./shared/webhook/delivery", "TestMemoryQueueIsBounded",
		},
		{
			"a message that can't be read is deleted from the queue",
			deliver, "a.unreadable() || a.next != nil && !a.added", "a.next != nil && !a.added",
			pkg, batch,
		},
		{
			"each attempt counts as the first",
			deliver, "retry{a.number + 1,", "retry{1,",
			pkg, batch,
		},
		{
			"an event is sent for longer than a day",
			deliver, "Add(result.Pause), message.Retry.Queued", "Add(result.Pause), h.deliverer.Now()",
			pkg, batch,
		},
		{
			"a message comes again before its pause is over",
			deliver, "Add(result.Pause)", "Add(result.Pause / 2)",
			pkg, batch,
		},
		{
			"pauses end after 15 minutes",
			deliver, "message.delay(h.deliverer.Now()) > 0", "message.delay(h.deliverer.Now()) < 0",
			pkg, "TestRetriesOfADay",
		},
		{
			"messages are delayed for longer than SQS allows",
			queue, "min(m.Retry.Due.Sub(now), maxDelay)", "m.Retry.Due.Sub(now)",
			pkg, "TestRetriesOfADay",
		},
		{
			"a slow receiver delays the others of its batch",
			deliver, "		running.Go(func() {\n			attempts[i] = h.attempt(ctx, message)\n			attempts[i].log(ctx, h.log)\n		})\n", "		attempts[i] = h.attempt(ctx, message)\n		attempts[i].log(ctx, h.log)\n",
			pkg, "TestDeliverAtOnce",
		},
		{
			"a fault with one message ends the function, and all of its batch come again",
			deliver, "	defer reqlog.Recover(&a.err)\n", "",
			pkg, batch,
		},
		{
			"a receiver that hangs in the TLS handshake keeps a connection of deliver",
			"shared/webhook/delivery/client.go", "			TLSHandshakeTimeout:    timeout, // a handshake does not end with the context of its request\n", "",
			pkg, "TestDeliverToSlowReceivers",
		},
		{
			"deliver waits for real slow receivers one after the other",
			deliver, "		running.Go(func() {\n			attempts[i] = h.attempt(ctx, message)\n			attempts[i].log(ctx, h.log)\n		})\n", "		attempts[i] = h.attempt(ctx, message)\n		attempts[i].log(ctx, h.log)\n",
			pkg, "TestDeliverToSlowReceivers",
		},
		{"an event that is too large for a call to the bus stops all events", bus, "apart(b.put)", "b.put", pkg, "TestRefusedCalls/bus"},
		{"a message that is too large for a call to the queue stops all events", queue, "apart(func(ctx", "(func(ctx", pkg, "TestRefusedCalls/queue"},
		{"a queue that is missing loses events", refusal, "	return false\n", "	return true\n", pkg, "TestRefusedCalls"},
		{"a wrong name of the bus loses events", refusal, `strings.Contains(message, "Total size of the entries") || unfitDetail.MatchString(message)`, "true", pkg, "TestRefusedCalls/bus"},
		{"entries of a call in parts that are throttled are lost", refusal, "append(refused, more...)", "more", pkg, "TestRefusedCalls"},
		{"nobody is told that a message is lost because the queue never takes it again", deliver, "		unreadable += lost.Events\n", "", pkg, "TestPostponeLost"},
		{"a webhook that is in the queue is added again, because another half of its call failed", queue, "			added[i] = true\n", "			_ = i\n", pkg, "TestAddReports"},
		{"all webhooks are lost at a queue of another type", refusal, `strings.Contains(message, "Message must be shorter than")`, "true", pkg, "TestRefusedCalls"},
	}
}
