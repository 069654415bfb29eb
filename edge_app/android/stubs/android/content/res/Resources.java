package android.content.res;

import java.io.InputStream;

public class Resources {
    public InputStream openRawResource(int id) {
        return null;
    }
}
