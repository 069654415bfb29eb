package android.webkit;

import java.io.InputStream;
import java.util.Map;

public class WebResourceResponse {
    public WebResourceResponse(
            String type,
            String charset,
            int code,
            String reason,
            Map<String, String> headers,
            InputStream data) {}
}
