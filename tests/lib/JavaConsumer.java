// SPDX-License-Identifier: Apache-2.0
// kafkaclient's "consume" on the Java client, whose reading of the protocol is
// stricter: BOOTSTRAP GROUP TOPIC... until its stdin ends.
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.*;

public class JavaConsumer {
	static void say(String what, Collection<TopicPartition> parts) {
		System.out.println(what + " " + parts.size());
	}

	public static void main(String[] args) throws Exception {
		Properties p = new Properties();
		p.put("bootstrap.servers", args[0]);
		try (Admin admin = Admin.create(p)) {
			for (Node n : admin.describeCluster().nodes().get())
				System.out.println("broker " + n.id() + " "
					+ n.host() + ":" + n.port());
		}
		p.put("group.id", args[1]);
		p.put("auto.offset.reset", "earliest");
		p.put("key.deserializer", "org.apache.kafka.common."
			+ "serialization.StringDeserializer");
		p.put("value.deserializer", "org.apache.kafka.common."
			+ "serialization.StringDeserializer");
		try (Consumer<String, String> c = new KafkaConsumer<>(p)) {
			c.subscribe(Arrays.asList(args).subList(2, args.length),
				new ConsumerRebalanceListener() {
				public void onPartitionsAssigned(
					Collection<TopicPartition> parts) {
					say("assigned", parts);
				}
				public void onPartitionsRevoked(
					Collection<TopicPartition> parts) {
					say("revoked", parts);
				}
			});
			while (System.in.available() == 0)
				for (ConsumerRecord<String, String> r :
				     c.poll(Duration.ofMillis(20)))
					System.out.println("message "
						+ r.topic() + " " + r.value());
		}
	}
}
