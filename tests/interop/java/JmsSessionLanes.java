import java.util.Enumeration;
import java.util.Map;
import javax.jms.Connection;
import javax.jms.InvalidDestinationException;
import javax.jms.InvalidSelectorException;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.QueueBrowser;
import javax.jms.Session;
import javax.jms.TemporaryQueue;
import javax.jms.TemporaryTopic;
import javax.jms.Topic;
import org.apache.activemq.artemis.api.jms.ActiveMQJMSConstants;

/** Browsers, temporary destinations, redelivery, and what closing gives back, with JMS, in rounds. */
final class JmsSessionLanes {
    static void addTo(Map<String, Lane.Body> lanes) {
        lanes.put("jms.browser", JmsSessionLanes::browser);
        lanes.put("jms.temporary", JmsSessionLanes::temporary);
        lanes.put("jms.recover", JmsSessionLanes::recover);
        lanes.put("jms.closing", JmsSessionLanes::closing);
        lanes.put("jms.connections", JmsSessionLanes::connections);
        lanes.put("jms.refused", JmsSessionLanes::refused);
        lanes.put("jms.mixed", JmsSessionLanes::mixed);
    }

    private static void fill(Lane lane, Session session, Queue queue, int count) throws JMSException {
        MessageProducer producer = session.createProducer(queue);
        for (int n = 0; n < count; n++) {
            producer.send(JmsQueueLanes.numbered(session, n));
            lane.sent.incrementAndGet();
        }
        producer.close();
    }

    private static Message take(Lane lane, MessageConsumer consumer, long number) throws Exception {
        Message message = JmsMessageLanes.take(lane, consumer, "message " + number);
        lane.expect(number, JmsQueueLanes.number(lane, message));
        return message;
    }

    private static void takeAll(Lane lane, Session session, Queue queue, int from, int count) throws Exception {
        MessageConsumer consumer = session.createConsumer(queue);
        for (int n = from; n < count; n++) {
            Message message = take(lane, consumer, n);
            if (session.getAcknowledgeMode() == Session.CLIENT_ACKNOWLEDGE) {
                message.acknowledge();
            }
        }
        lane.check(consumer.receiveNoWait() == null, "one too many");
        consumer.close();
    }

    private static void browser(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, null);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        for (long round = 0; lane.moreRounds(round); round++) {
            Queue queue = session.createQueue(lane.address + "." + round);
            fill(lane, session, queue, 50);
            for (int times = 0; times < 2; times++) {
                QueueBrowser browser = session.createBrowser(queue);
                long next = 0;
                for (Enumeration<?> messages = browser.getEnumeration(); messages.hasMoreElements();) {
                    next = lane.expect(next, JmsQueueLanes.number(lane, (Message) messages.nextElement()));
                }
                lane.equal(50L, next, "browsed");
                browser.close();
            }
            QueueBrowser some = session.createBrowser(queue, "n >= 45");
            long next = 45;
            for (Enumeration<?> messages = some.getEnumeration(); messages.hasMoreElements();) {
                next = lane.expect(next, JmsQueueLanes.number(lane, (Message) messages.nextElement()));
            }
            lane.equal(50L, next, "browsed with a selector");
            some.close();
            takeAll(lane, session, queue, 0, 50);
        }
        JmsQueueLanes.close(lane, connection);
    }

    /** Request and reply over temporary queues and topics; nobody else may consume from them; they can be deleted. */
    private static void temporary(Lane lane) throws Exception {
        Connection asks = JmsQueueLanes.connect(lane, null);
        Connection serves = JmsQueueLanes.connect(lane, null);
        Session asking = asks.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session serving = serves.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue service = asking.createQueue(lane.address);
        MessageProducer back = serving.createProducer(null);
        serving.createConsumer(service).setMessageListener(question -> {
            try {
                Message answer = JmsQueueLanes.numbered(serving, question.getLongProperty("n"));
                answer.setJMSCorrelationID(question.getJMSMessageID());
                back.send(question.getJMSReplyTo(), answer);
            } catch (JMSException error) {
                lane.raised(error);
            }
        });
        MessageProducer producer = asking.createProducer(service);
        for (long round = 0; lane.moreRounds(round); round++) {
            TemporaryQueue queue = asking.createTemporaryQueue();
            TemporaryTopic topic = asking.createTemporaryTopic();
            MessageConsumer fromQueue = asking.createConsumer(queue);
            MessageConsumer fromTopic = asking.createConsumer(topic);
            for (int n = 0; n < 20; n++) {
                Message question = JmsQueueLanes.numbered(asking, n);
                question.setJMSReplyTo(n % 2 == 0 ? queue : topic);
                producer.send(question);
                lane.sent.incrementAndGet();
                Message answer = take(lane, n % 2 == 0 ? fromQueue : fromTopic, n);
                lane.equal(question.getJMSMessageID(), answer.getJMSCorrelationID(), "correlation id");
            }
            lane.refused(l -> serving.createConsumer(queue), "consuming from another connection's temporary queue", JMSException.class);
            lane.refused(l -> queue.delete(), "deleting a temporary queue in use", JMSException.class);
            fromQueue.close();
            fromTopic.close();
            queue.delete();
            topic.delete();
        }
        JmsQueueLanes.close(lane, asks);
        JmsQueueLanes.close(lane, serves);
    }

    /** recover() hands out again, in order and marked, what was not acknowledged: CLIENT, INDIVIDUAL, and a rolled-back transaction. */
    private static void recover(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, null);
        Session out = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = out.createQueue(lane.address);
        for (long round = 0; lane.moreRounds(round); round++) {
            fill(lane, out, queue, 10);
            Session client = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
            MessageConsumer consumer = client.createConsumer(queue);
            for (int n = 0; n < 4; n++) {
                Message message = take(lane, consumer, n);
                if (n == 1) {
                    message.acknowledge(); // this one and all before it
                }
            }
            client.recover(); // the broker takes the first of the prefetched ones, 4, for the one in hand
            for (int n = 2; n < 6; n++) {
                Message message = take(lane, consumer, n);
                lane.check(message.getJMSRedelivered() == n <= 4, "redelivered flag of " + n);
                lane.equal(n <= 4 ? 2 : 1, message.getIntProperty("JMSXDeliveryCount"), "delivery count of " + n);
            }
            client.close(); // 2 to 5 were not acknowledged
            Session single = connection.createSession(false, ActiveMQJMSConstants.INDIVIDUAL_ACKNOWLEDGE);
            consumer = single.createConsumer(queue);
            for (int n = 2; n < 10; n++) {
                Message message = take(lane, consumer, n);
                if (n % 2 == 1) {
                    message.acknowledge();
                }
            }
            single.recover();
            for (int n = 2; n < 10; n += 2) {
                Message message = take(lane, consumer, n);
                lane.check(message.getJMSRedelivered() == n <= 4, "redelivered flag of " + n);
                message.acknowledge();
            }
            lane.check(consumer.receiveNoWait() == null, "one too many");
            single.close();
        }
        JmsQueueLanes.close(lane, connection);
    }

    /** What was prefetched goes back in order when its consumer closes, and others get it. */
    private static void closing(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, null);
        Session out = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = out.createQueue(lane.address);
        for (long round = 0; lane.moreRounds(round); round++) {
            fill(lane, out, queue, 40);
            int next = 0;
            for (int part = 0; part < 4; part++) {
                Session session = connection.createSession(part % 2 == 1, Session.AUTO_ACKNOWLEDGE);
                MessageConsumer consumer = session.createConsumer(queue);
                for (int i = 0; i < 5; i++) {
                    take(lane, consumer, next++);
                }
                if (session.getTransacted()) {
                    session.commit();
                }
                if (part < 2) {
                    consumer.close();
                }
                session.close();
            }
            takeAll(lane, out, queue, next, 40);
        }
        JmsQueueLanes.close(lane, connection);
    }

    /** Connections and sessions opened and closed all the time. */
    private static void connections(Lane lane) throws Exception {
        for (long n = 0; lane.moreRounds(n); n++) {
            Connection connection = JmsQueueLanes.reconnect(lane, "id-" + lane.address);
            Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
            Queue queue = session.createQueue(lane.address);
            session.createProducer(queue).send(JmsQueueLanes.numbered(session, n));
            session.commit();
            lane.sent.incrementAndGet();
            take(lane, session.createConsumer(queue), n);
            session.commit();
            JmsQueueLanes.close(lane, connection);
        }
    }

    private static void refused(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, null);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue(lane.address);
        Topic topic = session.createTopic(lane.address + ".topic");
        for (long round = 0; lane.moreRounds(round); round++) {
            fill(lane, session, queue, 2);
            lane.refused(l -> session.createConsumer(queue, "weight >"), "a selector that is none", InvalidSelectorException.class);
            lane.refused(l -> session.createBrowser(queue, "weight >").getEnumeration(), "a browser's selector that is none", JMSException.class);
            lane.refused(l -> session.createDurableSubscriber(topic, "x"), "a durable subscription without client id", JMSException.class);
            lane.refused(l -> session.unsubscribe("unknown-" + l.address), "unsubscribing nothing", InvalidDestinationException.class);
            takeAll(lane, session, queue, 0, 2);
        }
        JmsQueueLanes.close(lane, connection);
    }

    /** A transaction over two queues and a topic happens whole or not at all. */
    private static void mixed(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, null);
        Session out = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session transacted = connection.createSession(true, Session.SESSION_TRANSACTED);
        Session watching = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue source = out.createQueue(lane.address + ".source");
        Queue target = out.createQueue(lane.address + ".target");
        Topic topic = out.createTopic(lane.address + ".topic");
        MessageProducer orders = out.createProducer(source);
        MessageConsumer taking = transacted.createConsumer(source);
        MessageProducer invoices = transacted.createProducer(target);
        MessageProducer news = transacted.createProducer(topic);
        MessageConsumer invoiced = watching.createConsumer(target);
        MessageConsumer heard = watching.createConsumer(topic);
        for (long n = 0; lane.moreRounds(n / 4); n++) {
            orders.send(JmsQueueLanes.numbered(out, n));
            lane.sent.incrementAndGet();
            for (int attempt = 0; attempt < 2; attempt++) {
                take(lane, taking, n);
                invoices.send(JmsQueueLanes.numbered(transacted, n));
                news.send(JmsQueueLanes.numbered(transacted, n));
                if (attempt == 0) {
                    transacted.rollback();
                    lane.check(invoiced.receiveNoWait() == null && heard.receiveNoWait() == null, "seen in spite of the rollback");
                } else {
                    transacted.commit();
                }
            }
            take(lane, invoiced, n);
            take(lane, heard, n);
        }
        lane.check(invoiced.receiveNoWait() == null && heard.receiveNoWait() == null && taking.receiveNoWait() == null, "one too many");
        JmsQueueLanes.close(lane, connection);
    }
}
