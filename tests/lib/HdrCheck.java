// SPDX-License-Identifier: Apache-2.0
// HdrHistogram's own library beside hdrtool.c: "write SAMPLES LOG" records the
// same samples and writes their log, "read LOG..." merges by tag.
import java.io.File;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.HdrHistogram.EncodableHistogram;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogReader;
import org.HdrHistogram.HistogramLogWriter;

public class HdrCheck {
    static final Map<String, Histogram> all = new LinkedHashMap<>();

    static Histogram empty() {
        return new Histogram(1, 3600L * 1000 * 1000, 3);
    }

    static Histogram of(String tag) {
        return all.computeIfAbsent(tag, t -> empty());
    }

    static void flush(HistogramLogWriter log, String tag, Histogram h, int at) {
        h.setTag(tag);
        h.setStartTimeStamp(1500000000000L + at * 1000L);
        h.setEndTimeStamp(1500000000000L + at * 1000L + 1000L);
        log.outputIntervalHistogram(at, at + 1, h, 1.0);
    }

    static void write(String samples, String path) throws Exception {
        Map<String, Histogram> interval = new LinkedHashMap<>();
        int at = 0;
        try (PrintStream out = new PrintStream(path)) {
            HistogramLogWriter log = new HistogramLogWriter(out);
            log.outputLogFormatVersion();
            log.outputStartTime(1500000000000L);
            log.outputLegend();
            for (String line : Files.readAllLines(Path.of(samples))) {
                String[] words = line.split(" ");
                long us = Long.parseLong(words[1]);
                Histogram h = interval.computeIfAbsent(words[0], t -> empty());
                h.recordValue(us);
                of(words[0]).recordValue(us);
                if (h.getTotalCount() == 1000) {
                    flush(log, words[0], h, at++);
                    h.reset();
                }
            }
            for (Map.Entry<String, Histogram> e : interval.entrySet())
                if (e.getValue().getTotalCount() > 0)
                    flush(log, e.getKey(), e.getValue(), at++);
        }
    }

    static void read(String path) throws Exception {
        HistogramLogReader log = new HistogramLogReader(new File(path));
        EncodableHistogram h;
        while ((h = log.nextIntervalHistogram()) != null)
            of(h.getTag()).add((Histogram) h);
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write"))
            write(args[1], args[2]);
        else
            for (int i = 1; i < args.length; i++)
                read(args[i]);
        for (Map.Entry<String, Histogram> e : all.entrySet()) {
            Histogram h = e.getValue();
            StringBuilder s = new StringBuilder(e.getKey());
            s.append(' ').append(h.getTotalCount());
            for (double p : new double[] {50, 90, 95, 99, 99.9})
                s.append(' ').append(h.getValueAtPercentile(p));
            System.out.println(s.append(' ').append(h.getMaxValue()));
        }
    }
}
